"""Store of Parquet shards."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from redcore.data import MultimodalData, Target
from redcore.data.store import Store, write_store


def write_sample(folder: Path) -> Path:
    """Write six samples: vectors and sequences with missing modalities, classes, groups and a split."""
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


def remove_labels(path: Path) -> None:
    """Write the same data as a store without target."""
    data = Store(path).read()
    shutil.rmtree(path)
    write_store(replace(data, target=None), path)
