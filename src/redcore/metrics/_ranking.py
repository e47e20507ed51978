"""Weighted scores of a ranking of samples: AUROC and average precision."""

from typing import Self

import numpy as np

from redcore._types import AnyArray, BoolArray

__all__ = ["Ranking", "mean_over_classes"]


class Ranking:
    """Samples sorted by a predicted value, largest first, for scores with several vectors of sample weights.

    Parameters
    ----------
    values : array (n_samples,)
        Predicted values, such as the probability of the positive class.
    positive : bool array (n_samples,)
        True for the samples of the positive class.

    Examples
    --------
    >>> ranking = Ranking(np.array([0.9, 0.8, 0.1]), np.array([True, False, True]))
    >>> ranking.auroc(), round(ranking.average_precision(), 3)
    (0.5, 0.833)
    """

    def __init__(self, values: AnyArray, positive: BoolArray) -> None:
        self._order = np.argsort(-values, kind="stable")
        ranked = values[self._order]
        # samples with equal values are one step of the curves
        self._ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        self._positive = positive[self._order]

    @classmethod
    def of_class(cls, codes: AnyArray, probabilities: AnyArray, code: int) -> Self:
        """Return the ranking of the samples by the probability of a class against all others."""
        return cls(probabilities[:, code], codes == code)

    def _steps(self, weights: AnyArray | None) -> tuple[AnyArray, AnyArray] | None:
        """Return the cumulative weights of positive and negative samples per step; None if either class is absent."""
        ranked = np.ones(len(self._order)) if weights is None else weights[self._order]
        hits = np.cumsum(ranked * self._positive)[self._ends]
        alarms = np.cumsum(ranked * ~self._positive)[self._ends]
        return (hits, alarms) if hits[-1] > 0 and alarms[-1] > 0 else None

    def auroc(self, weights: AnyArray | None = None) -> float | None:
        """Return the area under the ROC curve, in [0, 1]; None if a class is absent."""
        if (steps := self._steps(weights)) is None:
            return None
        hits, alarms = (np.concatenate([[0.0], each / each[-1]]) for each in steps)
        return float((np.diff(alarms) * (hits[1:] + hits[:-1])).sum() / 2)

    def average_precision(self, weights: AnyArray | None = None) -> float | None:
        """Return the average precision, in [0, 1]; None if a class is absent."""
        if (steps := self._steps(weights)) is None:
            return None
        hits, alarms = steps
        gained = np.diff(hits, prepend=0.0)
        # steps without weight have neither hits nor alarms
        precision = hits / np.maximum(hits + alarms, np.finfo(np.float64).tiny)
        return float((gained * precision).sum() / hits[-1])


def mean_over_classes(values: list[float | None]) -> float | None:
    """Return the mean of the defined values; None if there is none."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
