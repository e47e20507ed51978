"""CMU-MOSEI, sentiment in spoken opinions, with the features of the MMSA family (files must be asked for)."""

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
"""Scores that are reported on it; see `redcore.metrics.mosi_scores`."""
N_FEATURES = {"audio": 74, "text": 768, "vision": 35}


def load(root: Path, fold: int = 1) -> MultimodalData:
    """Return the data with its official split.

    Parameters
    ----------
    root : Path
        The pickle, or a folder that holds ``unaligned_50.pkl`` or ``aligned_50.pkl`` (or ``Processed`` with them).
    fold : int, default 1
        There is one split.

    Raises
    ------
    DataError
        If there is no such file, or it is damaged.
    """
    return load_mmsa(root, fold)
