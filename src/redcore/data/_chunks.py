"""Access to data sets of any size in chunks that fit in memory."""

from collections.abc import Iterator

import numpy as np

from redcore.data._concatenate import concatenate
from redcore.data._dataset import MultimodalData
from redcore.data.store import bytes_per_sample

__all__ = ["chunks", "sample_in_memory"]

CHUNK_BYTES = 64 * 2**20
"""Approximate size of a chunk of stored data."""


def chunks(data: MultimodalData) -> Iterator[MultimodalData]:
    """Yield the samples of `data` in order, in chunks loaded into memory. Data in memory is yielded as one chunk."""
    if not data.is_stored:
        yield data
        return
    size = max(1, CHUNK_BYTES // bytes_per_sample(data))
    for start in range(0, data.n_samples, size):
        yield data.take(np.arange(start, min(start + size, data.n_samples))).loaded()


def sample_in_memory(data: MultimodalData, n_samples: int, rng: np.random.Generator) -> MultimodalData:
    """Return at most `n_samples` samples of `data` in memory, drawn without replacement, in their original order."""
    if data.n_samples > n_samples:
        data = data.take(np.sort(rng.permutation(data.n_samples)[:n_samples]))
    return concatenate(list(chunks(data)))
