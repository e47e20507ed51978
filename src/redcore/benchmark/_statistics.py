"""Statistics of scores: bootstrap intervals, ranks and tests over several data sets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

from redcore._types import AnyArray

__all__ = [
    "RESAMPLES",
    "Friedman",
    "bootstrap_interval",
    "critical_difference",
    "friedman",
    "interval",
    "rank_groups",
    "signed_rank",
]

RESAMPLES = 2000
MIN_BLOCKS = 6


@dataclass(frozen=True)
class Friedman:
    """Result of Friedman's test for differences between methods over blocks (data sets and protocols).

    Attributes
    ----------
    mean_ranks : tuple of float
        Mean rank per method. Rank 1 is best, and ties get their mean rank.
    n_blocks : int
    statistic, p_value : float or None
        Friedman's chi-squared test with tie correction. None with fewer than three methods or two blocks, or if all
        methods have equal ranks in every block.
    critical_difference : float
        Critical difference of mean ranks at level 0.05; see `critical_difference`.
    """

    mean_ranks: tuple[float, ...]
    n_blocks: int
    statistic: float | None
    p_value: float | None
    critical_difference: float


def interval(resampled: AnyArray) -> tuple[float, float]:
    """Return the 95% percentile-bootstrap interval of resampled values."""
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def bootstrap_interval(values: Sequence[float] | AnyArray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95% percentile-bootstrap interval of the mean of `values`. A single value gives (value, value)."""
    values = np.asarray(values, dtype=np.float64)
    return interval(rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1))


def friedman(scores: AnyArray) -> Friedman:
    """Rank methods within blocks and test for differences between them (Friedman 1937; Demšar 2006).

    Parameters
    ----------
    scores : array (n_blocks, n_methods)
        Higher is better.

    Examples
    --------
    >>> friedman(np.array([[0.9, 0.8, 0.1], [0.8, 0.7, 0.2], [0.7, 0.9, 0.3]])).mean_ranks
    (1.3333333333333333, 1.6666666666666667, 3.0)
    """
    n_blocks, n_methods = scores.shape
    ranks = rankdata(-scores, axis=1)
    statistic = p_value = None
    if n_methods >= 3 and n_blocks >= 2 and np.ptp(ranks) > 0:
        statistic, p_value = map(float, friedmanchisquare(*scores.T))
    means = tuple(ranks.mean(axis=0).tolist())
    return Friedman(means, n_blocks, statistic, p_value, critical_difference(n_methods, n_blocks))


def critical_difference(n_methods: int, n_blocks: int, alpha: float = 0.05) -> float:
    """Return the smallest significant difference between two mean ranks at level `alpha` (Nemenyi 1963; Demšar 2006).

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    if n_methods < 2:
        return 0.0
    quantile = float(studentized_range.ppf(1 - alpha, n_methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks)))


def rank_groups(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, ...]]:
    """Return the maximal groups of methods whose mean ranks differ by at most `difference`, as tuples of indices.

    These are the bars of a critical-difference diagram. Groups of a single method are omitted.

    Examples
    --------
    >>> rank_groups([1.0, 1.5, 3.0, 2.2], 1.0)
    [(0, 1), (1, 3), (3, 2)]
    """
    order = np.argsort(mean_ranks, kind="stable").tolist()
    groups: list[tuple[int, ...]] = []
    last = 0
    for start in range(len(order)):
        end = max(k for k in range(start, len(order)) if mean_ranks[order[k]] - mean_ranks[order[start]] <= difference)
        if end > start and end > last:
            groups.append(tuple(order[start : end + 1]))
        last = max(last, end)
    return groups


def signed_rank(differences: Sequence[float] | AnyArray) -> float | None:
    """Return the p-value of Wilcoxon's signed-rank test, or None with fewer than six differences or if all are 0.

    With five differences, no result can be significant at level 0.05.
    """
    differences = np.asarray(differences, dtype=np.float64)
    if len(differences) < MIN_BLOCKS or not (differences != 0).any():
        return None
    return float(wilcoxon(differences).pvalue)
