"""Scores per class, confusion matrix and bootstrap intervals of the predictions of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.metrics._classes import rare_class
from redcore.metrics._ranking import Ranking, mean_over_classes

__all__ = ["Details", "details_of"]

N_REPLICATES = 500
"""Number of bootstrap replicates."""
LEVEL = 0.95
"""Coverage of the intervals."""
MIN_DEFINED = 0.5
"""Share of the replicates in which a score must be defined for it to get an interval."""

WeightedScores = dict[str, Callable[[AnyArray], float | None]]
"""Functions of sample weights (n_samples,) by name of the score."""


@dataclass(frozen=True)
class Details:
    """Scores per class, confusion matrix and intervals.

    Attributes
    ----------
    per_class : list of dict
        For each class: ``class``, ``n_samples``, ``n_predicted``, ``precision``, ``recall``, ``f1``, ``auroc`` and
        ``average_precision`` (against all other classes). Scores are None if the class is absent, and the precision
        also if the class is never predicted. Empty for regression.
    confusion : list of list of int
        Number of samples by true class (rows) and predicted class (columns), in the order of `per_class`.
    intervals : dict of str to [low, high] or None
        Percentile intervals (95%) of the scores, from 500 bootstrap samples of groups, or of samples without groups.
        None for a score that is undefined in more than half of them.
    n_units : int
        Number of resampled groups or samples.
    by_group : bool
        True if groups were resampled.
    """

    per_class: list[dict[str, Any]]
    confusion: list[list[int]]
    intervals: dict[str, list[float] | None]
    n_units: int
    by_group: bool

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as a dict for JSON."""
        return dict(vars(self))


def details_of(data: MultimodalData, outputs: AnyArray, decided: IntArray | None, seed: int) -> Details | None:
    """Return the details of predictions; None for targets with several labels or values per sample.

    Parameters
    ----------
    data : MultimodalData
        Scored samples with a target.
    outputs : array (n_samples, n_outputs)
        Predictions, as returned by `Method.predict`.
    decided : int array (n_samples,), optional
        Predicted classes. Default: the most probable ones.
    seed : int
        Seed of the bootstrap.
    """
    target = data.target
    if target is None or target.values.ndim != 1:
        return None
    names = np.arange(data.n_samples) if data.groups is None else data.groups
    units, unit_of = np.unique(names, return_inverse=True)
    if target.is_classification:
        assert target.classes is not None
        decided = outputs.argmax(axis=1) if decided is None else decided
        confusion = _confusion(target.values, decided, len(target.classes))
        per_class = _per_class(target, outputs, confusion.astype(int))
        weighted = _of_classes(target.values, outputs, decided)
    else:
        confusion, per_class = np.zeros((0, 0), dtype=int), []
        weighted = _of_numbers(
            np.asarray(target.values, dtype=np.float64), np.asarray(outputs, dtype=np.float64).ravel()
        )
    intervals = _intervals(weighted, unit_of, len(units), seed)
    return Details(per_class, confusion.astype(int).tolist(), intervals, len(units), data.groups is not None)


def _confusion(codes: IntArray, decided: IntArray, n_classes: int, weights: AnyArray | None = None) -> AnyArray:
    cells = np.bincount(codes * n_classes + decided, weights, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def _per_class(target: Target, outputs: AnyArray, confusion: IntArray) -> list[dict[str, Any]]:
    assert target.classes is not None
    hits, sizes, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    rows = []
    for code, label in enumerate(target.classes.tolist()):
        hit, size, named = int(hits[code]), int(sizes[code]), int(predicted[code])
        ranking = Ranking.of_class(target.values, outputs, code)
        rows.append(
            {
                "class": label if isinstance(label, str | int | float | bool) else str(label),
                "n_samples": size,
                "n_predicted": named,
                "precision": hit / named if size and named else None,
                "recall": hit / size if size else None,
                "f1": 2 * hit / (size + named) if size else None,
                "auroc": ranking.auroc(),
                "average_precision": ranking.average_precision(),
            }
        )
    return rows


def _of_classes(codes: IntArray, outputs: AnyArray, decided: IntArray) -> WeightedScores:
    """Return the scores of `classification_scores` and of the rankings as functions of sample weights."""
    n_classes = outputs.shape[1]
    rare = rare_class(np.bincount(codes, minlength=n_classes)) if n_classes == 2 else None
    rankings = [Ranking.of_class(codes, outputs, code) for code in (range(n_classes) if rare is None else [rare])]
    log_loss = -np.log(outputs[np.arange(len(codes)), codes].astype(np.float64).clip(min=np.finfo(np.float64).eps))
    squares = ((outputs - np.eye(n_classes)[codes]) ** 2).sum(axis=1)

    def recall(weights: AnyArray) -> float | None:
        table = _confusion(codes, decided, n_classes, weights)
        sizes = table.sum(axis=1)
        return float((np.diag(table)[sizes > 0] / sizes[sizes > 0]).mean()) if np.count_nonzero(sizes) > 1 else None

    def macro_f1(weights: AnyArray) -> float | None:
        table = _confusion(codes, decided, n_classes, weights)
        if np.count_nonzero(table.sum(axis=1)) < 2:
            return None
        sizes = table.sum(axis=1) + table.sum(axis=0)
        return float((2 * np.diag(table)[sizes > 0] / sizes[sizes > 0]).mean())

    return {
        "accuracy": lambda weights: float(np.average(codes == decided, weights=weights)),
        "uar": recall,
        "macro_f1": macro_f1,
        "nll": lambda weights: float(np.average(log_loss, weights=weights)),
        "brier": lambda weights: float(np.average(squares, weights=weights)),
        "auroc": lambda weights: mean_over_classes([ranking.auroc(weights) for ranking in rankings]),
        "average_precision": lambda weights: mean_over_classes(
            [ranking.average_precision(weights) for ranking in rankings]
        ),
    }


def _of_numbers(true: AnyArray, predicted: AnyArray) -> WeightedScores:
    """Return the scores of `regression_scores` as functions of sample weights."""

    def r2(weights: AnyArray) -> float | None:
        total = np.average((true - np.average(true, weights=weights)) ** 2, weights=weights)
        return float(1 - np.average((true - predicted) ** 2, weights=weights) / total) if total > 0 else None

    def correlation(weights: AnyArray) -> float | None:
        covariance = np.cov(true, predicted, aweights=weights, ddof=0)
        scale = np.sqrt(covariance[0, 0] * covariance[1, 1])
        return float(covariance[0, 1] / scale) if scale > 0 else None

    return {
        "mae": lambda weights: float(np.average(np.abs(true - predicted), weights=weights)),
        "r2": r2,
        "pearson_r": correlation,
    }


def _intervals(scores: WeightedScores, unit_of: IntArray, n_units: int, seed: int) -> dict[str, list[float] | None]:
    """Return percentile intervals over random resamples of the units, with replacement."""
    if n_units < 2:
        return dict.fromkeys(scores)
    rng = np.random.default_rng(seed)
    values: dict[str, list[float]] = {name: [] for name in scores}
    for _ in range(N_REPLICATES):
        weights = np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)[unit_of].astype(np.float64)
        if not weights.any():
            continue
        for name, function in scores.items():
            value = function(weights)
            if value is not None:
                values[name].append(value)
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return {
        name: np.quantile(own, tails).tolist() if len(own) >= MIN_DEFINED * N_REPLICATES else None
        for name, own in values.items()
    }
