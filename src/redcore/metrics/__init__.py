"""Scores of predictions, overall and per missing pattern, as pure functions of arrays.

A public module of this package adds a score. ``SCORE`` describes it, and ``compute(target, outputs, decided)`` returns
its value for predictions ``outputs`` (n_samples, n_outputs). For classification, ``decided`` (n_samples,) has the
predicted classes, or is None for the most probable ones. The value is None if the score is undefined.

A score of another distribution is such a module, an object or class with these attributes, or the function ``compute``
itself. Scores of installed distributions are computed whenever predictions are scored.
"""

from redcore.metrics._classes import choose_threshold, rare_class
from redcore.metrics._description import Score  # first, because modules that add a score import it
from redcore.metrics._details import Details, details_of
from redcore.metrics._patterns import (
    AS_OBSERVED,
    Collect,
    MoreScores,
    PatternReport,
    all_scores,
    check_extra_scores,
    evaluate_patterns,
    missing_patterns,
    pattern_name,
)
from redcore.metrics._risk_groups import RiskGroup, risk_groups
from redcore.metrics._samples import SamplePredictions, influence
from redcore.metrics._scores import (
    calibration_error,
    classification_scores,
    multilabel_scores,
    regression_scores,
    scores,
)
from redcore.metrics._selection import inverse_probability_weights, weighted_scores
from redcore.metrics._sentiment import mosi_scores, sims_scores
from redcore.metrics._survival import concordance, survival_scores
from redcore.metrics._table import (
    HEADLINES,
    headline,
    is_lower_better,
    known_scores,
    load_score,
    plug_in_scores,
    score_label,
)

__all__ = [
    "AS_OBSERVED",
    "HEADLINES",
    "Collect",
    "Details",
    "MoreScores",
    "PatternReport",
    "RiskGroup",
    "SamplePredictions",
    "Score",
    "all_scores",
    "calibration_error",
    "check_extra_scores",
    "choose_threshold",
    "classification_scores",
    "concordance",
    "details_of",
    "evaluate_patterns",
    "headline",
    "influence",
    "inverse_probability_weights",
    "is_lower_better",
    "known_scores",
    "load_score",
    "missing_patterns",
    "mosi_scores",
    "multilabel_scores",
    "pattern_name",
    "plug_in_scores",
    "rare_class",
    "regression_scores",
    "risk_groups",
    "score_label",
    "scores",
    "sims_scores",
    "survival_scores",
    "weighted_scores",
]
