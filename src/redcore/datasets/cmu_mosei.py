"""CMU-MOSEI, sentiment in spoken opinions, with the features of the MMSA family (files on request)."""

from pathlib import Path

from redcore.data import MultimodalData
from redcore.datasets import Card
from redcore.datasets._mmsa import LICENCE, load_mmsa

__all__ = ["CARD", "METRICS", "N_FEATURES", "load"]

CARD = Card(
    title="CMU-MOSEI: 22,856 utterances; audio, BERT text and facial features",
    source="Zadeh et al. (2018), Multimodal language analysis in the wild: CMU-MOSEI dataset; features of "
    "Yu et al. (2021), MMSA",
    licence=LICENCE,
    target="regression, sentiment in [-3, 3]",
    public=True,
)
METRICS = ("acc2_has0", "acc2_non0", "acc5", "acc7", "f1_has0", "f1_non0", "mae", "corr")
"""Scores reported in the literature; see `redcore.metrics.mosi_scores`."""
N_FEATURES = {"audio": 74, "text": 768, "vision": 35}


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
