"""The table of scores: label, direction and range of every score, in the order in which pages show them."""

import math
from dataclasses import dataclass

__all__ = ["HEADLINES", "SCORES", "Score", "headline", "is_lower_better", "score_label"]


@dataclass(frozen=True)
class Score:
    """Facts about a score.

    Attributes
    ----------
    name : str
        Key of the score in records, and its name on the command line.
    label : str
        Its name in tables and on pages.
    lower_is_better : bool
    low, high : float
        Range of its values.
    kinds : tuple of str
        Target kinds that have the score.
    needs_probabilities : bool
        Whether it reads probabilities rather than predicted classes or numbers.
    """

    name: str
    label: str
    lower_is_better: bool = False
    low: float = 0.0
    high: float = 1.0
    kinds: tuple[str, ...] = ()
    needs_probabilities: bool = False


CLASSES = ("binary", "multiclass")
LABELS = ("multilabel",)
NUMBERS = ("regression",)

SCORES = {
    score.name: score
    for score in (
        Score("macro_f1", "macro-F1", kinds=CLASSES + LABELS),
        Score("argmax_macro_f1", "macro-F1 of argmax", kinds=CLASSES, needs_probabilities=True),
        Score("r2", "R²", low=-math.inf, kinds=NUMBERS),
        Score("weighted_f1", "weighted F1", kinds=CLASSES),
        Score("accuracy", "accuracy (WA)", kinds=CLASSES + LABELS),
        Score("uar", "average recall (UA)", kinds=CLASSES),
        Score("exact_match", "exact match", kinds=LABELS),
        Score("nll", "log loss", lower_is_better=True, high=math.inf, kinds=CLASSES, needs_probabilities=True),
        Score("ece", "calibration error", lower_is_better=True, kinds=CLASSES, needs_probabilities=True),
        Score("mae", "mean absolute error", lower_is_better=True, high=math.inf, kinds=NUMBERS),
        Score("pearson_r", "correlation", low=-1.0, kinds=NUMBERS),
        Score("acc2", "accuracy, 2 classes", kinds=NUMBERS),
        Score("acc2_has0", "accuracy, negative or not", kinds=NUMBERS),
        Score("acc2_non0", "accuracy, sign without neutral", kinds=NUMBERS),
        Score("acc3", "accuracy, 3 classes", kinds=NUMBERS),
        Score("acc5", "accuracy, 5 classes", kinds=NUMBERS),
        Score("acc7", "accuracy, 7 classes", kinds=NUMBERS),
        Score("f1", "F1, 2 classes", kinds=NUMBERS),
        Score("f1_has0", "F1, negative or not", kinds=NUMBERS),
        Score("f1_non0", "F1, sign without neutral", kinds=NUMBERS),
        Score("corr", "correlation (clipped)", low=-1.0, kinds=NUMBERS),
    )
}
"""By name. A new score is one entry here and the function that computes it."""

HEADLINES = ("macro_f1", "r2")
"""Scores that tables show by default: the first that a data set has."""


def is_lower_better(name: str | None) -> bool:
    """Return whether a lower value of a score is better; False for None, which stands for a headline.

    Examples
    --------
    >>> is_lower_better("ece"), is_lower_better("macro_f1")
    (True, False)
    """
    return name in SCORES and SCORES[name].lower_is_better


def score_label(name: str) -> str:
    """Return the name of a score in tables; a score that the table lacks keeps its own."""
    return SCORES[name].label if name in SCORES else name.replace("_", " ")


def headline(target_kind: str) -> str:
    """Return the score that tables show for this kind of target: macro-F1, or R2 for regression."""
    return "r2" if target_kind == "regression" else "macro_f1"
