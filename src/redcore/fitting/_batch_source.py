"""Sources of training batches: data in memory, or a store that is read in windows."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, concatenate
from redcore.data.store import block_numbers, bytes_per_sample
from redcore.fitting._plan import Plan, Sampler

__all__ = ["BatchSource", "StoredSource", "batch_source"]


class BatchSource(Protocol):
    """Source of the batch of each training step. The batch depends on the seed and the step number only."""

    def locate(self, step: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """Return the samples of the batch of `step`.

        Returns
        -------
        data : MultimodalData
            Data in memory that contains the batch.
        target : array
            Encoded target of all samples of `data`.
        rows : int array
            Rows of `data` that form the batch.
        """
        ...

    def close(self) -> None:
        """Release the resources of the source."""
        ...


def batch_source(data: MultimodalData, target: AnyArray, plan: Plan, seed: int) -> BatchSource:
    """Return a `StoredSource` if `data` is read from a store, else a `MemorySource`."""
    if data.is_stored:
        return StoredSource(data, target, plan, seed)
    return MemorySource(data, target, plan, seed)


class MemorySource:
    """Source of batches of data in memory."""

    def __init__(self, data: MultimodalData, target: AnyArray, plan: Plan, seed: int) -> None:
        self.data, self.target = data, target
        self.sampler = Sampler(data.n_samples, plan, seed)

    def locate(self, step: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """See `BatchSource`."""
        return self.data, self.target, self.sampler.rows(step)

    def close(self) -> None:
        """Do nothing, since there are no resources to release."""


class StoredSource:
    """Source of batches of data in a store, which are read into memory in windows.

    In every epoch, the blocks of the store are shuffled and distributed over windows. The samples of a window are
    read into memory and shuffled. The next window is read in the background while the network trains on the current
    one, so that two windows are in memory. With a single window, the order is a uniform permutation of the samples.
    """

    def __init__(self, data: MultimodalData, target: AnyArray, plan: Plan, seed: int) -> None:
        self.data, self.target, self.plan, self.seed = data, target, plan, seed
        self._blocks = block_numbers(data)
        window_bytes = plan.settings.window_megabytes * 2**20
        self.n_windows = max(1, -(-data.n_samples * bytes_per_sample(data) // window_bytes))
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)
        self._ends = np.empty(0, dtype=np.int64)
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._windows: dict[tuple[int, int], Future[MultimodalData]] = {}

    def order(self, epoch: int) -> tuple[IntArray, IntArray]:
        """Return the order of the samples in an epoch, and the end position of each window in that order."""
        rng = np.random.default_rng([self.seed, epoch])
        blocks_in_use = np.unique(self._blocks)
        window_of = np.zeros(int(blocks_in_use[-1]) + 1, dtype=np.int64)
        for window, blocks in enumerate(np.array_split(rng.permutation(blocks_in_use), self.n_windows)):
            window_of[blocks] = window
        windows = window_of[self._blocks]
        order = np.lexsort((rng.random(len(windows)), windows))
        return order, np.cumsum(np.bincount(windows, minlength=self.n_windows))

    def locate(self, step: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """See `BatchSource`."""
        epoch, index = divmod(step, self.plan.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order, self._ends = self.order(epoch)
        start = index * self.plan.batch_size
        stop = min(start + self.plan.batch_size, len(self._order))
        first, last = np.searchsorted(self._ends, [start, stop - 1], side="right").tolist()
        parts = [self._part(window, start, stop) for window in range(first, last + 1)]
        if len(parts) == 1:
            return parts[0]
        # the batch spans several windows
        data = concatenate([part.take(rows) for part, _, rows in parts])
        target = np.concatenate([labels[rows] for _, labels, rows in parts])
        return data, target, np.arange(stop - start)

    def _part(self, window: int, start: int, stop: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """Return the result of `locate` for the positions ``start:stop`` that lie in one window."""
        samples = self._samples(window)
        begin = int(self._ends[window]) - len(samples)
        ascending = np.sort(samples)
        chosen = samples[max(0, start - begin) : stop - begin]
        return self._window(window), self.target[ascending], np.searchsorted(ascending, chosen)

    def _samples(self, window: int) -> IntArray:
        """Return the samples of a window, in the order of the epoch."""
        begin = int(self._ends[window - 1]) if window else 0
        return self._order[begin : int(self._ends[window])]

    def _window(self, window: int) -> MultimodalData:
        """Return a window, start to read the next one, and release the windows that are no longer needed."""
        needed = [(self._epoch, index) for index in range(window, min(window + 2, self.n_windows))]
        # a batch may span the previous window and this one
        self._windows = {key: read for key, read in self._windows.items() if key in needed or key[1] == window - 1}
        for key in needed:
            if key not in self._windows:
                self._windows[key] = self._pool.submit(self._read, np.sort(self._samples(key[1])))
        return self._windows[needed[0]].result()

    def _read(self, rows: IntArray) -> MultimodalData:
        return self.data.take(rows).loaded()

    def close(self) -> None:
        """Cancel background reads and release the windows."""
        self._pool.shutdown(cancel_futures=True)
        self._windows = {}
