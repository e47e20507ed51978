"""CH-SIMS."""

from pathlib import Path

from redcore.datasets.ch_sims import N_FEATURES
from samples.formats import mmsa


def write_sample(root: Path) -> Path:
    """Write ten samples with random features in the form of the public file, and return `root`."""
    mmsa.write_pickle(root / "unaligned_50.pkl", N_FEATURES, largest=1.0, unimodal=True)
    return root
