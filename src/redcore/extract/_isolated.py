"""Process that converts recordings of untrusted origin. They can crash, block or exhaust this process only."""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from redcore._processes import end_with_parent, worker_context
from redcore._types import AnyArray
from redcore.data import ModalitySchema
from redcore.exceptions import DataError, RunError
from redcore.extract._recipe import Recipe

__all__ = ["Bounds", "IsolatedExtraction"]

START_SECONDS = 120
FEATURES, ERROR = b"F", b"E"
"""First byte of an answer of the process. It is followed by an npy array or by a message, never by a pickle, since the
process has read untrusted files."""

LARGEST = 3e38
"""Largest magnitude of a feature. Values are stored as float32."""


@dataclass(frozen=True)
class Bounds:
    """Limits on one recording.

    Attributes
    ----------
    max_seconds : float
        Duration of audio and video.
    max_steps : int
        Time steps of the features.
    max_bytes : int
        Memory that its conversion may allocate. Not enforced on systems without ``/proc``.
    """

    max_seconds: float
    max_steps: int
    max_bytes: int


class IsolatedExtraction:
    """Process that is killed when a recording crashes it or exceeds the time limit. Not thread-safe.

    Parameters
    ----------
    recipes : mapping of str to (Recipe, ModalitySchema)
        Recipe of each modality, and its form in the model.
    bounds : Bounds
    """

    def __init__(self, recipes: Mapping[str, tuple[Recipe, ModalitySchema]], bounds: Bounds) -> None:
        self.recipes, self.bounds = dict(recipes), bounds
        self._running: tuple[BaseProcess, Connection] | None = None

    def start(self) -> None:
        """Start the process if it is not running, and wait until its packages and models are loaded.

        Raises
        ------
        RunError
            If the process does not start, for example because memory is exhausted.
        """
        if self._running is not None and self._running[0].is_alive():
            return
        self.stop()
        context = worker_context("redcore.extract")
        connection, other = context.Pipe()
        process = context.Process(target=_work, args=(other, self.recipes, self.bounds), daemon=True)  # type: ignore[attr-defined]
        process.start()
        # the process has its own copy; without this one, its death ends the connection
        other.close()
        self._running = process, connection
        try:
            if not connection.poll(START_SECONDS):
                raise EOFError
            connection.recv_bytes()
        except (EOFError, OSError):
            self.stop()
            raise RunError("the process that converts recordings does not start") from None

    def features(self, modality: str, content: bytes, seconds: float) -> AnyArray:
        """Return the features of one recording, (n_features,) or (n_steps, n_features).

        Raises
        ------
        DataError
            See `_features`; or if the process died.
        TimeoutError
            If the conversion takes longer than `seconds`.
        """
        assert self._running is not None
        _, connection = self._running
        try:
            connection.send_bytes(modality.encode())
            connection.send_bytes(content)
            answer = connection.recv_bytes() if connection.poll(max(0.0, seconds)) else b""
        except (EOFError, OSError):
            self.stop()
            raise DataError("crashed the program that reads it") from None
        if not answer:
            self.stop()
            raise TimeoutError
        if answer[:1] == ERROR:
            raise DataError(answer[1:].decode())
        values: AnyArray = np.load(io.BytesIO(answer[1:]), allow_pickle=False)
        return values

    def stop(self) -> None:
        """Kill the process if it is running."""
        if self._running is not None:
            process, connection = self._running
            self._running = None
            process.kill()
            process.join()
            connection.close()


def _work(connection: Connection, recipes: Mapping[str, tuple[Recipe, ModalitySchema]], bounds: Bounds) -> None:
    """Convert recordings until the connection ends."""
    end_with_parent()
    # warnings of decoders concern one recording
    warnings.simplefilter("ignore")
    for recipe, _ in recipes.values():
        recipe.prepare()
    _limit_memory(bounds.max_bytes)
    connection.send_bytes(b"started")
    while True:
        try:
            modality, content = connection.recv_bytes().decode(), connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_answer(*recipes[modality], content, bounds))


def _answer(recipe: Recipe, form: ModalitySchema, content: bytes, bounds: Bounds) -> bytes:
    try:
        stream = io.BytesIO()
        np.save(stream, _features(recipe, form, content, bounds), allow_pickle=False)
        return FEATURES + stream.getvalue()
    except DataError as error:
        message = str(error)
    except MemoryError:
        message = f"needs more than {bounds.max_bytes} bytes of memory"
    except Exception as error:
        # the text of an unexpected error can contain paths of the server
        message = f"cannot be read ({type(error).__name__})"
    return ERROR + message.encode()


def _features(recipe: Recipe, form: ModalitySchema, content: bytes, bounds: Bounds) -> AnyArray:
    """Return the features of one recording in the form of the training data.

    Raises
    ------
    DataError
        If the recording is damaged or exceeds a limit, or its features do not fit the model.
    """
    features = recipe.features(content, bounds.max_seconds)
    values, names = features.values, features.names
    if (values.ndim == 2) != form.is_sequence or values.shape[-1] != form.n_features:
        raise DataError(f"has {values.shape[-1]} features, expected {form.n_features}")
    if names is not None and form.feature_names is not None and tuple(names) != tuple(form.feature_names):
        raise DataError(f"has the features {_listed(names)}, expected {_listed(form.feature_names)}")
    if form.is_sequence and len(values) > bounds.max_steps:
        raise DataError(f"has {len(values)} time steps, expected at most {bounds.max_steps}")
    if np.nanmax(np.abs(values)) > LARGEST:
        raise DataError(f"has a feature beyond {LARGEST:g}")
    return values


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)[:200]


def _limit_memory(n_bytes: int) -> None:
    """Let this process allocate at most `n_bytes` more than now. Systems without ``/proc`` have no limit."""
    try:
        import resource

        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except (ImportError, OSError):
        return
    line = next(line for line in status.splitlines() if line.startswith("VmData:"))
    limit = int(line.split()[1]) * 1024 + n_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
