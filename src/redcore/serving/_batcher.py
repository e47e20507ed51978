"""Dynamic batching of concurrent requests.

While the model predicts one batch, incoming requests collect in a queue and form the next batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from redcore.exceptions import RedCoreError
from redcore.serving._samples import Sample

__all__ = ["Batcher", "OverloadError"]


class OverloadError(RedCoreError):
    """The queue of samples is full."""


class Batcher:
    """First-in, first-out queue that predicts the samples of several requests in one batch.

    As soon as the model is free, all waiting requests (up to `max_batch` samples) form the next batch, together with
    those that have arrived and are being read. No request waits for others to arrive. A Batcher must be used from a
    single event loop.

    Parameters
    ----------
    predict : callable
        Map a list of samples to their predictions, a list of the same length. Runs in a dedicated thread.
    max_batch, max_waiting : int
        Limits on the samples in one batch and in the queue; see `Limits`.
    on_batch : callable
        Called with the number of samples of every batch before it is predicted.
    """

    def __init__(
        self,
        predict: Callable[[list[Sample]], list[Any]],
        max_batch: int,
        max_waiting: int,
        on_batch: Callable[[int], object],
    ) -> None:
        self._predict, self._on_batch = predict, on_batch
        self.max_batch, self.max_waiting = max_batch, max_waiting
        self.n_waiting = 0
        self._queue: deque[tuple[list[Sample], asyncio.Future[list[Any]]]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="redcore-predict")
        self._worker: asyncio.Task[None] | None = None

    async def predict(self, samples: list[Sample]) -> list[Any]:
        """Return the predictions for the samples of one request.

        Raises
        ------
        OverloadError
            If the queue would hold more than `max_waiting` samples.
        """
        if self.n_waiting + len(samples) > self.max_waiting:
            raise OverloadError(f"the queue is full: {self.n_waiting} samples are waiting for prediction")
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._queue.append((samples, future))
        self.n_waiting += len(samples)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._process_queue())
        return await future

    async def _process_queue(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            await self._settle()
            batch = self._next_batch()
            if not batch:
                continue
            samples = [sample for request_samples, _ in batch for sample in request_samples]
            self._on_batch(len(samples))
            try:
                predictions = await loop.run_in_executor(self._thread, self._predict, samples)
            except Exception as error:
                self._fail(batch, error)
                continue
            self._deliver(batch, predictions)

    async def _settle(self) -> None:
        """Return after an iteration of the event loop that adds no request, or when the queue fills a batch."""
        before = -1
        while before < self.n_waiting < self.max_batch:
            before = self.n_waiting
            await asyncio.sleep(0)

    def _next_batch(self) -> list[tuple[list[Sample], "asyncio.Future[list[Any]]"]]:
        """Remove requests from the queue until the batch is full, and drop cancelled requests.

        The first request is taken even if it has more than `max_batch` samples.
        """
        batch: list[tuple[list[Sample], asyncio.Future[list[Any]]]] = []
        size = 0
        while self._queue and (not batch or size + len(self._queue[0][0]) <= self.max_batch):
            samples, future = self._queue.popleft()
            self.n_waiting -= len(samples)
            if not future.done():
                batch.append((samples, future))
                size += len(samples)
        return batch

    def _deliver(self, batch: list[tuple[list[Sample], "asyncio.Future[list[Any]]"]], predictions: list[Any]) -> None:
        start = 0
        for samples, future in batch:
            stop = start + len(samples)
            if not future.done():
                future.set_result(predictions[start:stop])
            start = stop

    def _fail(self, batch: list[tuple[list[Sample], "asyncio.Future[list[Any]]"]], error: Exception) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)

    def close(self) -> None:
        """Wait for the current batch and stop the prediction thread."""
        self._thread.shutdown(wait=True)
