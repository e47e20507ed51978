"""Raw inputs of requests: text, or the content of a file in base64, converted to features by the recipes of a run."""

import asyncio
import base64
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pydantic import BaseModel

from redcore._types import AnyArray
from redcore.exceptions import DataError, RunError
from redcore.extract import Bounds, IsolatedExtraction, Recipe
from redcore.methods import Method
from redcore.serving._batcher import OverloadError
from redcore.serving._limits import Limits
from redcore.serving._samples import active_forms

__all__ = ["RawInputs"]


class RawInput(NamedTuple):
    """One raw input of a request."""

    sample: int
    modality: str
    content: bytes


class RawInputs:
    """Conversion of raw inputs to features, one request at a time, in a separate process.

    Parameters
    ----------
    method : Method
        A fitted method.
    recipes : mapping of str to Recipe
        Recipes by modality; see `redcore.extract.load_recipes`. The process is only started if the model uses one of
        these modalities.
    limits : Limits
    """

    def __init__(self, method: Method, recipes: Mapping[str, Recipe], limits: Limits) -> None:
        self.limits = limits
        self.forms = {key: form for key, form in active_forms(method).items() if form.name in recipes}
        forms = {form.name: form for form in self.forms.values()}
        self.media = {name: recipes[name].plan.medium for name in forms}
        """Media of the raw inputs by modality."""
        bounds = Bounds(limits.max_seconds, limits.max_steps, limits.max_decoded_bytes)
        self._process = IsolatedExtraction({name: (recipes[name], forms[name]) for name in forms}, bounds)
        # the queue of requests that wait for the process
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="redcore-extract")

    async def start(self) -> None:
        """Start the process in advance, so that the first request does not wait for its imports and models."""
        if self.media:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._process.start)

    async def convert(self, request: BaseModel) -> dict[tuple[int, str], AnyArray]:
        """Return the features of the raw inputs of a request, by number of the sample and name of the modality.

        Raises
        ------
        DataError
            If a raw input is damaged or exceeds a limit, or its features do not fit the model. The message names
            sample and modality.
        TimeoutError
            If the conversion takes longer than the time limit.
        OverloadError
            If the process does not start.
        """
        inputs = [
            RawInput(number, form.name, self._content(number, form.name, values))
            for number, sample in enumerate(request.samples)  # type: ignore[attr-defined]
            for key, form in self.forms.items()
            if isinstance(values := getattr(sample, key), str)
        ]
        if not inputs:
            return {}
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._convert, inputs)

    def _content(self, number: int, modality: str, values: str) -> bytes:
        try:
            return values.encode() if self.media[modality] == "text" else base64.b64decode(values, validate=True)
        except ValueError:
            raise DataError(f"samples.{number}.{modality}: not base64") from None

    def _convert(self, inputs: list[RawInput]) -> dict[tuple[int, str], AnyArray]:
        try:
            self._process.start()
        except RunError as error:
            raise OverloadError(str(error)) from None
        deadline = time.monotonic() + self.limits.timeout_seconds
        features = {}
        for sample, modality, content in inputs:
            try:
                features[sample, modality] = self._process.features(modality, content, deadline - time.monotonic())
            except DataError as error:
                # after a crash the process starts again before the next request
                self._thread.submit(self._process.start)
                raise DataError(f"samples.{sample}.{modality}: {error}") from None
        return features

    def close(self) -> None:
        """Drop waiting requests and stop the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._process.stop()
