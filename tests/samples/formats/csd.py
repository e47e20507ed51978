"""Folder of computational sequences."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from redcore._types import AnyArray, FloatArray


def write_sample(folder: Path) -> Path:
    """Write three videos with five label intervals.

    One video has no words. The audio ends after 2.4 seconds, before one of the intervals starts.
    """
    rng = np.random.default_rng(0)
    root = folder / "csd"
    root.mkdir()
    starts = {"a1": [0.0, 2.0], "b2": [0.5, 2.5], "c3": [1.0]}
    labels = {video: (rng.uniform(-3, 3, (len(of), 7)), _spans(of, 2.0)) for video, of in starts.items()}
    words = {video: (rng.normal(size=(9, 4)), _spans(np.arange(9) / 2, 0.5)) for video in ("a1", "b2")}
    audio = {video: (rng.normal(size=(24, 3)), _spans(np.arange(24) / 10, 0.1)) for video in starts}
    _write(root / "CMU_MOSEI_Labels.csd", "All Labels", labels)
    _write(root / "CMU_MOSEI_TimestampedWordVectors.csd", "glove_vectors", words)
    _write(root / "CMU_MOSEI_COVAREP.csd", "COVAREP", audio)
    return root


def _spans(starts: Any, seconds: float) -> FloatArray:
    begins = np.asarray(starts, dtype=np.float64)
    return np.stack([begins, begins + seconds], axis=1)


def _write(path: Path, root: str, sequence: dict[str, tuple[AnyArray, AnyArray]]) -> None:
    """Write one sequence as the SDK does: gzip at its highest level, metadata as JSON text."""
    packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 9}
    with h5py.File(path, "w") as file:
        for video, (features, intervals) in sequence.items():
            group = file.create_group(f"{root}/data/{video}")
            group.create_dataset("features", data=features.astype(np.float32), **packed)
            group.create_dataset("intervals", data=intervals, **packed)
        name = file.create_dataset(f"{root}/metadata/root name", (1,), dtype=h5py.special_dtype(vlen=str))
        name[0] = f'"{root}"'


def remove_labels(path: Path) -> None:
    """Set the labels to NaN. The intervals stay, since they define the samples."""
    with h5py.File(path / "CMU_MOSEI_Labels.csd", "a") as file:
        for video in file["All Labels/data"].values():
            video["features"][...] = np.nan
