"""NumPy archive."""

from pathlib import Path

import numpy as np


def write_sample(folder: Path) -> Path:
    """Write six samples: padded sequences, and vectors that are missing in two samples and include a category."""
    rng = np.random.default_rng(0)
    path = folder / "sample.npz"
    text = rng.normal(size=(6, 3)).astype(np.float32)
    text[:, 1] = [0, 0, 1, 2, 0, 1]
    np.savez(
        path,
        x_audio=rng.normal(size=(6, 4, 2)).astype(np.float32),
        len_audio=np.array([4, 2, 1, 3, 4, 2]),
        x_text=text,
        names_text=np.array(["length", "language", "score"]),
        categories_text=np.array('{"language": ["de", "en", "fr"]}'),
        has_text=np.array([1, 0, 1, 1, 0, 1]),
        y=np.array([0, 1, 2, 0, 1, 2]),
        class_names=np.array(["low", "middle", "high"]),
        group=np.array([0, 0, 1, 1, 2, 2]),
        split=np.array([0, 0, 0, 0, 1, 2]),
        sample_id=np.array([f"s{row}" for row in range(6)]),
    )
    return path


def remove_labels(path: Path) -> None:
    """Remove the target."""
    with np.load(path) as archive:
        arrays = {key: archive[key] for key in archive.files if key != "y"}
    np.savez(path, **arrays)
