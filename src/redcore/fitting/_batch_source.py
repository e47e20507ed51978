"""Where the batches of a fit come from: memory, or a store that is read window by window."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, concatenate
from redcore.data.store import block_numbers, bytes_per_sample
from redcore.fitting._plan import Plan, Sampler

__all__ = ["BatchSource", "StoredSource", "batch_source"]


class BatchSource(Protocol):
    """Tells which samples make the batch of a step; it follows from (seed, step) alone."""

    def locate(self, step: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """Return data in memory, the encoded target of all of it, and the rows of it that make the batch."""
        ...

    def close(self) -> None:
        """Give back what the source holds."""
        ...


def batch_source(data: MultimodalData, target: AnyArray, plan: Plan, seed: int) -> BatchSource:
    """Return the source that suits where `data` is."""
    if data.is_stored:
        return StoredSource(data, target, plan, seed)
    return MemorySource(data, target, plan, seed)


class MemorySource:
    """Batches of data in memory."""

    def __init__(self, data: MultimodalData, target: AnyArray, plan: Plan, seed: int) -> None:
        self.data, self.target = data, target
        self.sampler = Sampler(data.n_samples, plan, seed)

    def locate(self, step: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """See `BatchSource`."""
        return self.data, self.target, self.sampler.rows(step)

    def close(self) -> None:
        """Nothing is held."""


class StoredSource:
    """Batches of stored data.

    In every epoch the blocks are put in a new random order and dealt into windows; the samples of one window, from
    blocks all over the store, are read into memory and shuffled. The next window is read while the one at hand is
    trained on, so that two are in memory. With a single window the order is a uniform permutation.
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
        """Return the order of the samples in an epoch, and where in it each window ends."""
        rng = np.random.default_rng([self.seed, epoch])
        present = np.unique(self._blocks)
        window_of = np.zeros(int(present[-1]) + 1, dtype=np.int64)
        for window, blocks in enumerate(np.array_split(rng.permutation(present), self.n_windows)):
            window_of[blocks] = window
        windows = window_of[self._blocks]
        order = np.lexsort((rng.random(len(windows)), windows))
        return order, np.cumsum(np.bincount(windows, minlength=self.n_windows))

    def locate(self, step: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """See `BatchSource`."""
        epoch, place = divmod(step, self.plan.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order, self._ends = self.order(epoch)
        start = place * self.plan.batch_size
        stop = min(start + self.plan.batch_size, len(self._order))
        first, last = np.searchsorted(self._ends, [start, stop - 1], side="right").tolist()
        parts = [self._part(window, start, stop) for window in range(first, last + 1)]
        if len(parts) == 1:
            return parts[0]
        # the batch lies over the border of two windows
        data = concatenate([part.take(rows) for part, _, rows in parts])
        target = np.concatenate([labels[rows] for _, labels, rows in parts])
        return data, target, np.arange(stop - start)

    def _part(self, window: int, start: int, stop: int) -> tuple[MultimodalData, AnyArray, IntArray]:
        """Return what `locate` does for the share of the places ``start:stop`` that lies in one window."""
        members = self._members(window)
        begin = int(self._ends[window]) - len(members)
        ascending = np.sort(members)
        chosen = members[max(0, start - begin) : stop - begin]
        return self._window(window), self.target[ascending], np.searchsorted(ascending, chosen)

    def _members(self, window: int) -> IntArray:
        begin = int(self._ends[window - 1]) if window else 0
        return self._order[begin : int(self._ends[window])]

    def _window(self, window: int) -> MultimodalData:
        """Return a window, begin to read the next, and forget those that are over."""
        wanted = [(self._epoch, index) for index in range(window, min(window + 2, self.n_windows))]
        # a batch may still need the window before
        self._windows = {key: held for key, held in self._windows.items() if key in wanted or key[1] == window - 1}
        for key in wanted:
            if key not in self._windows:
                self._windows[key] = self._pool.submit(self._read, np.sort(self._members(key[1])))
        return self._windows[wanted[0]].result()

    def _read(self, rows: IntArray) -> MultimodalData:
        return self.data.take(rows).loaded()

    def close(self) -> None:
        """Stop reading ahead and forget the windows."""
        self._pool.shutdown(cancel_futures=True)
        self._windows = {}
