"""CH-SIMS."""

from pathlib import Path

from redcore.datasets._sample_files import write_pickle
from redcore.datasets.ch_sims import N_FEATURES


def write_sample(root: Path) -> Path:
    """Write ten samples with random features in the form of the public file, and return `root`."""
    write_pickle(root / "unaligned_50.pkl", N_FEATURES, largest=1.0, unimodal=True)
    return root
