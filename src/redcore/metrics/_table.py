"""Table of all scores with label, direction and range, in display order."""

import math

from redcore._discovery import load, names
from redcore.data import TargetKind
from redcore.metrics._description import Score

__all__ = ["ADDED", "HEADLINES", "SCORES", "headline", "is_lower_better", "score_label"]


CLASSIFICATION = tuple(kind for kind in TargetKind if kind.is_classification)
MULTILABEL = (TargetKind.MULTILABEL,)
REGRESSION = (TargetKind.REGRESSION,)

ADDED = tuple(names("redcore.metrics"))
"""Names of the scores that are modules of this package: ``SCORE``, and ``compute(target, outputs, decided)``."""

SCORES = {
    score.name: score
    for score in (
        Score("macro_f1", "macro-F1", kinds=CLASSIFICATION + MULTILABEL),
        Score("argmax_macro_f1", "macro-F1 of argmax", kinds=CLASSIFICATION, needs_probabilities=True),
        Score("r2", "R²", low=-math.inf, kinds=REGRESSION),
        Score("weighted_f1", "weighted F1", kinds=CLASSIFICATION),
        Score("accuracy", "accuracy (WA)", kinds=CLASSIFICATION + MULTILABEL),
        Score("uar", "average recall (UA)", kinds=CLASSIFICATION),
        Score("exact_match", "exact match", kinds=MULTILABEL),
        Score("nll", "log loss", lower_is_better=True, high=math.inf, kinds=CLASSIFICATION, needs_probabilities=True),
        Score("ece", "calibration error", lower_is_better=True, kinds=CLASSIFICATION, needs_probabilities=True),
        Score("mae", "mean absolute error", lower_is_better=True, high=math.inf, kinds=REGRESSION),
        Score("pearson_r", "correlation", low=-1.0, kinds=REGRESSION),
        Score("acc2", "accuracy, 2 classes", kinds=REGRESSION),
        Score("acc2_has0", "accuracy, negative or not", kinds=REGRESSION),
        Score("acc2_non0", "accuracy, sign without neutral", kinds=REGRESSION),
        Score("acc3", "accuracy, 3 classes", kinds=REGRESSION),
        Score("acc5", "accuracy, 5 classes", kinds=REGRESSION),
        Score("acc7", "accuracy, 7 classes", kinds=REGRESSION),
        Score("f1", "F1, 2 classes", kinds=REGRESSION),
        Score("f1_has0", "F1, negative or not", kinds=REGRESSION),
        Score("f1_non0", "F1, sign without neutral", kinds=REGRESSION),
        Score("corr", "correlation (clipped)", low=-1.0, kinds=REGRESSION),
    )
}
SCORES |= {name: load("redcore.metrics", name, "score").SCORE for name in ADDED}
"""All scores by name, with those of `ADDED`."""

HEADLINES = ("macro_f1", "r2")
"""Default scores of tables: the first one that a data set has is shown."""


def is_lower_better(name: str | None) -> bool:
    """Return True if lower values of the score `name` are better.

    None, which stands for the default score, and unknown names return False.

    Examples
    --------
    >>> is_lower_better("ece"), is_lower_better("macro_f1")
    (True, False)
    """
    return name in SCORES and SCORES[name].lower_is_better


def score_label(name: str) -> str:
    """Return the display name of a score; for a score without an entry, its own name with spaces."""
    return SCORES[name].label if name in SCORES else name.replace("_", " ")


def headline(target_kind: str) -> str:
    """Return the name of the default score for this kind of target: macro-F1, or R2 for regression."""
    return "r2" if TargetKind(target_kind).is_regression else "macro_f1"
