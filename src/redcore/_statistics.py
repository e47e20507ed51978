"""Correction of p-values for multiple tests, and variance of a mean over splits that share samples."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["holm", "resampling_variance"]

P = TypeVar("P", float, float | None)


def holm(p_values: Sequence[P]) -> list[P]:
    """Adjust p-values for multiple tests (Holm 1979). None stays None and does not count as a test.

    Examples
    --------
    >>> holm([0.01, None, 0.04, 0.03])
    [0.03, None, 0.06, 0.06]
    """
    order = sorted((p_value, index) for index, p_value in enumerate(p_values) if p_value is not None)
    adjusted = list(p_values)
    highest = 0.0
    for rank, (p_value, index) in enumerate(order):
        highest = max(highest, min(1.0, p_value * (len(order) - rank)))
        adjusted[index] = highest
    return adjusted


def resampling_variance(scores: Sequence[float], test_ratio: float) -> float:
    r"""Return the estimated variance of the mean score of R >= 2 fits on different splits of the same samples.

    The splits share samples, so that their scores are correlated. With the sample variance :math:`S^2` of the scores,
    the estimate is :math:`S^2 (1 / R + n_{test} / n_{train})` (Nadeau and Bengio 2003, Inference for the generalization
    error, Machine Learning 52). `test_ratio` is :math:`n_{test} / n_{train}`.

    Examples
    --------
    >>> round(resampling_variance([0.5, 0.7], test_ratio=0.5), 3)
    0.02
    """
    return float(np.var(scores, ddof=1)) * (1 / len(scores) + test_ratio)
