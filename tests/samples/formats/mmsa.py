"""Pickles of the MMSA family."""

import pickle
from pathlib import Path

from redcore.datasets._sample_files import write_pickle


def write_sample(folder: Path) -> Path:
    """Write ten unaligned samples, one of them without audio, and return the file."""
    return write_pickle(folder / "unaligned_50.pkl", {"audio": 5, "text": 8, "vision": 4})


def remove_labels(path: Path) -> None:
    """Remove all labels."""
    content = pickle.loads(path.read_bytes())
    labels = ("regression_labels", "classification_labels", "annotations")
    path.write_bytes(
        pickle.dumps({part: {k: v for k, v in of.items() if k not in labels} for part, of in content.items()})
    )
