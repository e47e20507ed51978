"""Scores of predictions, overall and per missing pattern, as pure functions of arrays."""

from redcore.metrics._patterns import (
    MoreScores,
    PatternReport,
    all_scores,
    evaluate_patterns,
    missing_patterns,
    pattern_name,
)
from redcore.metrics._scores import (
    calibration_error,
    classification_scores,
    multilabel_scores,
    regression_scores,
    scores,
)
from redcore.metrics._sentiment import mosi_scores, sims_scores
from redcore.metrics._table import HEADLINES, SCORES, Score, headline, is_lower_better, score_label

__all__ = [
    "HEADLINES",
    "SCORES",
    "MoreScores",
    "PatternReport",
    "Score",
    "all_scores",
    "calibration_error",
    "classification_scores",
    "evaluate_patterns",
    "headline",
    "is_lower_better",
    "missing_patterns",
    "mosi_scores",
    "multilabel_scores",
    "pattern_name",
    "regression_scores",
    "score_label",
    "scores",
    "sims_scores",
]
