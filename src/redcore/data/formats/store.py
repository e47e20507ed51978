"""The project's own store: a folder of Parquet shards and a card."""

from pathlib import Path

import numpy as np

from redcore._settings import Settings
from redcore.data import MultimodalData, Target
from redcore.data.store import Store, is_store, write_store

__all__ = ["Options", "read", "recognises", "write_sample"]


class Options(Settings):
    """How a store is read.

    Attributes
    ----------
    verify : bool, default True
        Whether the bytes are compared with the checksums of the card first.
    """

    verify: bool = True


def recognises(path: Path) -> bool:
    """Whether the path is a folder with a ``card.json``."""
    return is_store(path)


def read(path: Path, options: Options) -> MultimodalData:
    """Read a whole store into memory; see `redcore.data.store.Store` for reading it by blocks."""
    return Store(path, verify=options.verify).read()


def write_sample(folder: Path) -> Path:
    """Write six samples: vectors and sequences with holes, classes, groups and a split."""
    rng = np.random.default_rng(0)
    data = MultimodalData.from_arrays(
        {
            "audio": [rng.normal(size=(length, 2)) if length else None for length in (3, 1, 0, 2, 4, 0)],
            "text": [None, *rng.normal(size=(5, 3))],
        },
        Target.from_labels(["no", "yes", "no", "yes", "no", "yes"]),
        groups=[0, 0, 1, 1, 2, 2],
        sample_ids=[f"s{row}" for row in range(6)],
        split=[0, 0, 0, 0, 1, 2],
    )
    write_store(data, folder / "store", title="six samples")
    return folder / "store"
