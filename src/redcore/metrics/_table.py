"""Table of all scores with label, direction and range, in display order."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from redcore._discovery import check_interface, is_known, load, usable
from redcore.data import TargetKind, require_single_target
from redcore.exceptions import PlugInError
from redcore.metrics._description import Score

__all__ = [
    "HEADLINES",
    "SCORES",
    "PlugInScore",
    "headline",
    "is_lower_better",
    "known_scores",
    "load_score",
    "plug_in_scores",
    "score_label",
]


CLASSIFICATION = tuple(kind for kind in TargetKind if kind.is_classification)
MULTILABEL = (TargetKind.MULTILABEL,)
REGRESSION = (TargetKind.REGRESSION,)
SURVIVAL = (TargetKind.SURVIVAL,)

SCORES = {
    score.name: score
    for score in (
        Score("macro_f1", "macro-F1", kinds=CLASSIFICATION + MULTILABEL),
        Score("argmax_macro_f1", "macro-F1 of argmax", kinds=CLASSIFICATION, needs_probabilities=True),
        Score("r2", "R²", low=-math.inf, kinds=REGRESSION),
        Score("uno_c", "Uno's C", kinds=SURVIVAL),
        Score("harrell_c", "Harrell's C", kinds=SURVIVAL),
        Score("ibs", "integrated Brier score", lower_is_better=True, kinds=SURVIVAL, needs_probabilities=True),
        Score("dynamic_auc", "time-dependent AUC", kinds=SURVIVAL, needs_probabilities=True),
        Score(
            "horizon_error", "calibration at horizons", lower_is_better=True, kinds=SURVIVAL, needs_probabilities=True
        ),
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
"""Scores by name that `redcore.metrics.scores` computes itself. The others are plug-ins."""

HEADLINES = ("macro_f1", "r2", "uno_c")
"""Default scores of tables: the first one that a data set has is shown."""


class PlugInScore(NamedTuple):
    """Score that is a plug-in.

    Attributes
    ----------
    score : Score
    compute : callable
        ``compute(target, outputs, decided)``; see `redcore.metrics`.
    """

    score: Score
    compute: Callable[..., float | None]


def load_score(score: Any, name: str = "") -> PlugInScore:
    """Return a score that is given by its name, a dotted name, a function, or an object with SCORE and compute.

    Parameters
    ----------
    score : str, function or object
        See `redcore.metrics`.
    name : str
        Name of the score in records. Default: `score`, if it is text, else the name in its description.

    Raises
    ------
    UnknownNameError, PlugInError
        If there is no such score, if it cannot be imported, or if it does not have the interface of a score.
    """
    plug_in = load("redcore.metrics", score, "score") if isinstance(score, str) else score
    name = name or (score if isinstance(score, str) else "")
    if callable(plug_in) and not hasattr(plug_in, "compute"):
        own = getattr(plug_in, "__name__", type(plug_in).__name__)
        general = Score(own, own.replace("_", " "), low=-math.inf, high=math.inf, kinds=tuple(TargetKind))
        description, compute = getattr(plug_in, "SCORE", general), plug_in
    else:
        subject = f"score {name or plug_in!r}"
        plug_in = check_interface(plug_in, ("SCORE", "compute"), subject)
        description, compute = plug_in.SCORE, plug_in.compute
    if not isinstance(description, Score):
        raise PlugInError(f"score {name!r}: expected SCORE to be a redcore.metrics.Score, got {description!r}")
    return PlugInScore(replace(description, name=name or description.name), compute)


def plug_in_scores() -> dict[str, PlugInScore]:
    """Return the scores that are modules of this package or of other distributions, by name."""
    return {name: load_score(plug_in, name) for name, plug_in in usable("redcore.metrics", "score").items()}


def known_scores() -> dict[str, Score]:
    """Return the description of all scores by name, in display order."""
    return SCORES | {name: plug_in.score for name, plug_in in plug_in_scores().items()}


def _description(name: str | None) -> Score | None:
    """Return the description of a score by its name or dotted name; None for an unknown one.

    The score of one of several targets, ``target.score``, has the description of the score.
    """
    if name is not None and name not in SCORES:
        name = name if (own := name.rpartition(".")[2]) not in SCORES else own
    if name is None or name in SCORES:
        return SCORES.get(name or "")
    if not is_known("redcore.metrics", name):
        return None
    try:
        return load_score(name).score
    except PlugInError:  # the score of a record whose plug-in is not installed here
        return None


def is_lower_better(name: str | None) -> bool:
    """Return True if lower values of the score `name` are better.

    None, which stands for the default score, and unknown names return False.

    Examples
    --------
    >>> is_lower_better("ece"), is_lower_better("macro_f1")
    (True, False)
    """
    score = _description(name)
    return score is not None and score.lower_is_better


def score_label(name: str) -> str:
    """Return the display name of a score; for a score without an entry, its own name with spaces."""
    score = _description(name)
    if score is None:
        return name.replace("_", " ")
    is_of_part = name not in SCORES and name.rpartition(".")[2] in SCORES
    return f"{name.rpartition('.')[0]}: {score.label}" if is_of_part else score.label


def headline(target_kind: str) -> str:
    """Return the name of the default score for this kind of target.

    It is macro-F1, R2 for regression, and Uno's C for survival.
    """
    kind = TargetKind(target_kind)
    require_single_target(kind, "a default score")
    if kind.is_survival:
        return "uno_c"
    return "r2" if kind.is_regression else "macro_f1"
