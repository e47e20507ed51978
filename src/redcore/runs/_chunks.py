"""Data in pieces, in order: what predictions are streamed from."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from redcore.data import MultimodalData
from redcore.data.formats import table
from redcore.runs._sources import IN_MEMORY_BYTES, read_data

__all__ = ["SAMPLES_AT_ONCE", "data_pieces"]

SAMPLES_AT_ONCE = 16_384
"""Samples of a piece."""


def data_pieces(source: str, first: int = 0) -> Iterator[MultimodalData]:
    """Yield the samples of a data source in pieces of `SAMPLES_AT_ONCE`, from piece number `first` on.

    Large stores stay on disk; large Parquet tables are read piece by piece, without their target. What other readers
    read is in memory as a whole.
    """
    path = Path(source)
    if path.suffix.lower() in (".parquet", ".pq") and path.is_file() and path.stat().st_size > IN_MEMORY_BYTES:
        yield from islice(table.stream(path, table.Options(), SAMPLES_AT_ONCE), first, None)
        return
    data = read_data(source)
    for start in range(first * SAMPLES_AT_ONCE, data.n_samples, SAMPLES_AT_ONCE):
        yield data.take(np.arange(start, min(start + SAMPLES_AT_ONCE, data.n_samples)))
