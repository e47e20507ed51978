"""IEMOCAP, emotion in acted dialogues, with the features and folds of the MMIN family (files on request)."""

from pathlib import Path

from redcore.data import MultimodalData
from redcore.data.formats import mmin
from redcore.datasets import Card
from redcore.exceptions import DataError

__all__ = ["CARD", "CLASSES", "METRICS", "N_FEATURES", "N_FOLDS", "load"]

CARD = Card(
    title="IEMOCAP: 5,531 utterances of ten actors; ComParE audio, DenseFace video and BERT-large text features",
    source="Busso et al. (2008), IEMOCAP: interactive emotional dyadic motion capture database; features and folds of "
    "Zhao, Li, Jin (2021), Missing modality imagination network",
    licence="on request from the University of Southern California, for research; not redistributable",
    target="multiclass, 4 emotions",
    public=True,
)
CLASSES = ("ang", "hap", "neu", "sad")
"""Anger, happiness (including excitement), neutral and sadness, in the order of the columns of the one-hot labels."""
METRICS = ("accuracy", "uar", "macro_f1")
"""Scores reported in the literature, averaged over the folds. There, accuracy is called WA and uar is called UA."""
N_FOLDS = 10
N_FEATURES = {"audio": 130, "text": 1024, "video": 342}


def load(root: Path, fold: int = 1) -> MultimodalData:
    """Return the data with the split of one fold.

    Parameters
    ----------
    root : Path
        Folder with ``A``, ``L``, ``V`` and ``target``; see `redcore.data.formats.mmin`.
    fold : int, 1 to 10, default 1
        Number of the fold. One speaker is the test split, and the other speaker of the same session is the validation
        split.

    Returns
    -------
    MultimodalData
        Sequences: ``audio`` (130 features per frame), ``text`` (1024 per word piece) and ``video`` (342 per frame). The
        features are those of the files; audio is not standardised.

    Raises
    ------
    DataError
        If the fold does not exist, or if files are absent or damaged.
    """
    if not 1 <= fold <= N_FOLDS:
        raise DataError(f"{root}: fold is {fold}, expected 1 to {N_FOLDS}")
    return mmin.read(root, mmin.Options(fold=fold, class_names=CLASSES))
