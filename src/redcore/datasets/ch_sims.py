"""CH-SIMS, sentiment in Chinese film and television, with the features of the MMSA family (files on request)."""

from pathlib import Path

from redcore.data import MultimodalData
from redcore.datasets import Card
from redcore.datasets._mmsa import LICENCE, load_mmsa

__all__ = ["CARD", "METRICS", "N_FEATURES", "load"]

CARD = Card(
    title="CH-SIMS: 2,281 clips of 60 videos; audio, BERT text and facial features",
    source="Yu et al. (2020), CH-SIMS: a Chinese multimodal sentiment analysis dataset with fine-grained "
    "annotations of modality",
    licence=LICENCE,
    target="regression, sentiment in [-1, 1]",
    public=True,
)
METRICS = ("acc2", "f1", "acc3", "acc5", "mae", "corr")
"""Scores reported in the literature; see `redcore.metrics.sims_scores`."""
N_FEATURES = {"audio": 33, "text": 768, "vision": 709}


def load(root: Path, fold: int = 1) -> MultimodalData:
    """Return the data with its official split.

    Parameters
    ----------
    root : Path
        The pickle, or a folder with ``unaligned_50.pkl`` or ``aligned_50.pkl``, directly or in ``Processed``.
    fold : int, default 1
        Must be 1, since there is only one official split.

    Raises
    ------
    DataError
        If the file does not exist or is damaged.
    """
    return load_mmsa(root, fold)
