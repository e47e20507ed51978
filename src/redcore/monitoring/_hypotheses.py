"""Two-sample tests on counts. They need NumPy and torch only, since predictions must not load SciPy."""

import math
from typing import Any

import numpy as np
import torch

from redcore._types import AnyArray

__all__ = ["homogeneity", "kolmogorov_smirnov", "outside_range", "psi", "share_difference"]

MIN_EXPECTED = 5
"""Smallest expected count of a category; categories with less are pooled."""

MIN_EXPECTED_SHARE = 20
"""Smallest expected count for which two shares are compared by a chi-square test."""

KOLMOGOROV_TERMS = np.arange(1, 101)


def kolmogorov_smirnov(distance: AnyArray, n_old: AnyArray, n_new: AnyArray) -> AnyArray:
    """Return asymptotic p-values of the two-sample Kolmogorov-Smirnov test.

    A distance that is computed at some points only is at most the true one, so that the p-value is conservative.

    Parameters
    ----------
    distance : array
        Largest difference of the two cumulative distributions.
    n_old, n_new : array
        Numbers of values.

    Examples
    --------
    >>> kolmogorov_smirnov(np.array([0.1, 0.3]), np.array([200, 200]), np.array([100, 100])).round(4)
    array([0.5176, 0.    ])
    """
    scaled = np.atleast_1d(distance * np.sqrt(n_old * n_new / np.maximum(n_old + n_new, 1)))
    signs = np.where(KOLMOGOROV_TERMS % 2, 1.0, -1.0)
    terms = signs * np.exp(-2 * KOLMOGOROV_TERMS**2 * scaled[:, None] ** 2)
    # the series converges slowly for small distances, whose p-value is 1 to six digits
    return np.where(scaled < 0.3, 1.0, np.clip(2 * terms.sum(axis=1), 0.0, 1.0))


def homogeneity(old: AnyArray, new: AnyArray) -> float | None:
    """Return the p-value of the chi-square test that two samples of categories have the same distribution.

    Categories with an expected count below 5 are pooled. The result is None if fewer than two categories remain.

    Examples
    --------
    >>> round(homogeneity(np.array([50, 50]), np.array([30, 70])), 4)
    0.0039
    """
    table = np.stack([old, new]).astype(np.float64)
    totals, columns = table.sum(axis=1), table.sum(axis=0)
    if not totals.all():
        return None
    expected = np.outer(totals, columns) / totals.sum()
    small = (expected < MIN_EXPECTED).any(axis=0)
    table = np.column_stack([table[:, ~small], table[:, small].sum(axis=1)])
    expected = np.outer(totals, table.sum(axis=0)) / totals.sum()
    if small.any() and (expected[:, -1] < MIN_EXPECTED).any() and table.shape[1] > 1:
        # the pooled categories are still rare: add them to the next rarest one
        smallest = int(expected[:, :-1].min(axis=0).argmin())
        table[:, smallest] += table[:, -1]
        table[:, -1] = 0
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer(totals, table.sum(axis=0)) / totals.sum()
    if table.shape[1] < 2 or (expected < MIN_EXPECTED).any():
        return None
    return _chi_square_tail(float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1)


def share_difference(
    old: tuple[int, int], new: tuple[int, int], ratios: tuple[float, float] = (1.0, 1.0)
) -> tuple[str, float]:
    """Compare two shares, given as (count, total), and return the name of the test and its p-value.

    The test is a chi-square test with continuity correction, or Fisher's exact test (twice the smaller tail) if an
    expected count is below 20.

    Parameters
    ----------
    old, new : tuple of int
    ratios : tuple of float
        Numbers of independent units per sample, by which the counts are multiplied.

    Examples
    --------
    >>> share_difference((0, 200), (3, 100))
    ('Fisher', 0.07259...)
    """
    (k, n), (k_new, n_new) = (
        (round(count * ratio), round(total * ratio)) for (count, total), ratio in zip((old, new), ratios, strict=True)
    )
    hits, total = k + k_new, n + n_new
    if not n or not n_new or hits in (0, total):
        return "Fisher", 1.0
    if min(n, n_new) * min(hits, total - hits) / total >= MIN_EXPECTED_SHARE:
        difference = max(0.0, abs(k_new * n - k * n_new) - total / 2)
        statistic = difference**2 * total / (n * n_new * hits * (total - hits))
        return "chi-square", _chi_square_tail(statistic, 1)
    # number of new hits given the totals: hypergeometric
    values = torch.arange(max(0, hits - n), min(hits, n_new) + 1, dtype=torch.float64)
    logs = _log_choose(n_new, values) + _log_choose(n, hits - values) - _log_choose(total, torch.tensor(float(hits)))
    weights = logs.exp()
    tails = (weights[values >= k_new].sum(), weights[values <= k_new].sum())
    return "Fisher", min(1.0, 2 * float(min(tails)))


def outside_range(
    below: AnyArray, above: AnyArray, n_old: AnyArray, n_new: AnyArray, ratios: tuple[float, float]
) -> AnyArray:
    """Return p-values of the numbers of new values outside the range of the old ones, by column.

    If all values have the same distribution, k of m new values are below n old ones with probability
    C(m, k) / C(n + m, k), whatever this distribution is. Both sides are tested, hence the factor 2.

    Parameters
    ----------
    below, above : int array (n_columns,)
        Numbers of new values below and above the range.
    n_old, n_new : int array (n_columns,)
        Numbers of values.
    ratios : tuple of float
        Numbers of independent units per sample.

    Examples
    --------
    >>> outside_range(np.array([0, 2]), np.array([1, 0]), np.array([99, 99]), np.array([1, 20]), (1.0, 1.0)).round(3)
    array([0.02 , 0.054])
    """
    k = torch.tensor(np.maximum(below, above) * ratios[1], dtype=torch.float64)
    m, n = (torch.tensor(size * ratio, dtype=torch.float64) for size, ratio in ((n_new, ratios[1]), (n_old, ratios[0])))
    p_values = 2 * (_log_choose(m, k) - _log_choose(n + m, k)).exp()
    return np.asarray(np.minimum(1.0, p_values.numpy()))


def psi(old: AnyArray, new: AnyArray) -> Any:
    """Return the population stability index, ``sum (q - p) log(q / p)``, over the last axis of two arrays of counts.

    Half a count is added to every bin, so that empty bins have a finite index.
    """
    # a bin that is empty on both sides, such as between equal quantiles, does not count
    used = (old > 0) | (new > 0)
    shares = []
    for counts in (old, new):
        smoothed = np.where(used, counts + 0.5, 0.0)
        shares.append(smoothed / np.maximum(smoothed.sum(axis=-1, keepdims=True), 1e-300))
    p, q = (np.where(used, share, 1.0) for share in shares)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def _chi_square_tail(statistic: float, freedom: int) -> float:
    """Return the probability that a chi-square variable is at least `statistic`."""
    halves = torch.tensor([freedom / 2, statistic / 2], dtype=torch.float64)
    return 1.0 if math.isclose(statistic, 0.0) else float(torch.special.gammaincc(halves[0], halves[1]))


def _log_choose(n: torch.Tensor | float, k: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the binomial coefficient."""
    n = torch.as_tensor(n, dtype=torch.float64)
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
