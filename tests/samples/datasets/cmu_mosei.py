"""CMU-MOSEI."""

from pathlib import Path

from redcore.datasets._sample_files import write_pickle
from redcore.datasets.cmu_mosei import N_FEATURES


def write_sample(root: Path) -> Path:
    """Write ten samples with random features in the form of the public file, and return `root`."""
    write_pickle(root / "unaligned_50.pkl", N_FEATURES)
    return root
