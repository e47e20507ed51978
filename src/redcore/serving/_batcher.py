"""Requests in flight are predicted together: while the model works on one batch, the next one gathers."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from redcore._types import AnyArray
from redcore.exceptions import RedCoreError
from redcore.serving._samples import Sample

__all__ = ["Batcher", "OverloadError"]


class OverloadError(RedCoreError):
    """More samples wait than may."""


class Batcher:
    """Hands samples of several requests to one function, in the order they came.

    No request waits for company: a batch is whatever waits when the model is free. To be used within one event loop.

    Parameters
    ----------
    predict : callable
        Samples -> outputs (n_samples, n_outputs); called in one thread of its own.
    max_batch, max_waiting : int
        See `Limits`.
    seen : callable
        Told the size of every batch.
    """

    def __init__(
        self,
        predict: Callable[[list[Sample]], AnyArray],
        max_batch: int,
        max_waiting: int,
        seen: Callable[[int], object],
    ) -> None:
        self._predict, self._seen = predict, seen
        self.max_batch, self.max_waiting = max_batch, max_waiting
        self.n_waiting = 0
        self._queue: deque[tuple[list[Sample], asyncio.Future[AnyArray]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="redcore-predict")
        self._work: asyncio.Task[None] | None = None

    async def predict(self, samples: list[Sample]) -> AnyArray:
        """Predict the samples of one request.

        Raises
        ------
        OverloadError
            If too many wait already.
        """
        if self.n_waiting + len(samples) > self.max_waiting:
            raise OverloadError(f"{self.n_waiting} samples wait for their prediction already")
        future: asyncio.Future[AnyArray] = asyncio.get_running_loop().create_future()
        self._queue.append((samples, future))
        self.n_waiting += len(samples)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            # what came within this turn of the event loop joins
            await asyncio.sleep(0)
            batch = self._next_batch()
            if not batch:
                continue
            samples = [sample for part, _ in batch for sample in part]
            self._seen(len(samples))
            try:
                outputs = await loop.run_in_executor(self._thread, self._predict, samples)
            except Exception as error:
                self._fail(batch, error)
                continue
            self._deliver(batch, outputs)

    def _next_batch(self) -> list[tuple[list[Sample], "asyncio.Future[AnyArray]"]]:
        """Take requests as long as they fit; one at least. Those that were given up are dropped."""
        batch: list[tuple[list[Sample], asyncio.Future[AnyArray]]] = []
        size = 0
        while self._queue and (not batch or size + len(self._queue[0][0]) <= self.max_batch):
            samples, future = self._queue.popleft()
            self.n_waiting -= len(samples)
            if not future.done():
                batch.append((samples, future))
                size += len(samples)
        return batch

    def _deliver(self, batch: list[tuple[list[Sample], "asyncio.Future[AnyArray]"]], outputs: AnyArray) -> None:
        start = 0
        for samples, future in batch:
            stop = start + len(samples)
            if not future.done():
                future.set_result(outputs[start:stop])
            start = stop

    def _fail(self, batch: list[tuple[list[Sample], "asyncio.Future[AnyArray]"]], error: Exception) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Let the thread go once its batch is done."""
        self._thread.shutdown(wait=True)
