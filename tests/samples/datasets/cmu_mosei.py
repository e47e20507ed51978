"""CMU-MOSEI."""

from pathlib import Path

from redcore.datasets.cmu_mosei import N_FEATURES
from samples.formats import mmsa


def write_sample(root: Path) -> Path:
    """Write ten samples with random features in the form of the public file, and return `root`."""
    mmsa.write_pickle(root / "unaligned_50.pkl", N_FEATURES)
    return root
