"""Confidence intervals of mean scores and paired differences, with the noise of runs and of test samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from redcore._statistics import resampling_variance
from redcore._types import AnyArray
from redcore.benchmark._samples import Influence

__all__ = ["MIN_RUNS", "Basis", "Interval", "RunScore", "average", "combine", "mean_interval"]

MIN_RUNS = 5
"""Number of runs below which intervals are shown with a warning."""

Basis = Literal["splits", "samples", "runs", "none"]
"""Sources of variance in an interval.

- "splits": runs on different splits, with a correction for the samples that the splits share
- "samples": runs on one split, and its test samples
- "runs": runs on one split; the noise of its test samples is not included
- "none": no interval, because there is only one run
"""


@dataclass(frozen=True)
class RunScore:
    """Score of one run, or a linear combination of the scores of runs on one split.

    Attributes
    ----------
    value : float
    influence : Influence or None
        Influence of the test units on the value; None if unknown.
    split : str
        Checksum of the split. Runs with equal checksums have the same training and test samples.
    test_ratio : float
        Number of test samples divided by the number of training and validation samples.
    """

    value: float
    influence: Influence | None = None
    split: str = ""
    test_ratio: float = 0.0


@dataclass(frozen=True)
class Interval:
    """Mean over runs with its 95% confidence interval.

    Attributes
    ----------
    mean, low, high : float
        The bounds are NaN for a single run.
    n_runs : int
    basis : {"splits", "samples", "runs", "none"}
        Sources of variance that the interval includes; see `Basis`.
    variance, degrees : float
        Estimated variance of the mean and its degrees of freedom; NaN for a single run.
    """

    mean: float
    low: float
    high: float
    n_runs: int
    basis: Basis
    variance: float = float("nan")
    degrees: float = float("nan")


def mean_interval(runs: Sequence[RunScore]) -> Interval:
    r"""Return the mean of the runs and a 95% t interval with the noise of runs and of test samples.

    Let :math:`s_1, ..., s_R` be the scores of R runs with sample variance :math:`S^2`. Runs share test and training
    samples. With equal variances and equal covariances c between runs,

    .. math:: \mathrm{Var}(\bar{s}) = E[S^2] / R + c.

    The first term contains everything that differs between runs. The second one is estimated by

    - :math:`\hat{c} = S^2 n_{test} / n_{train}`, for runs on different random splits; see `resampling_variance`;
    - :math:`\hat{c} = \frac{1}{R (R-1)} \sum_{r \ne q} \frac{G}{G-1} \sum_u I_{ru} I_{qu}`, for runs on one split: the
      noise of its test units, by the infinitesimal jackknife (Efron 1982). :math:`I_{ru}` is the influence of test unit
      u (a sample, or a group of samples) on :math:`s_r`, and G the number of test units. If the influences are unknown,
      c is taken as 0, and ``basis`` is "runs".

    The interval uses Student's t, with the degrees of freedom of Satterthwaite (1946) for the sum of two terms.
    docs/benchmark.md has its coverage in simulations.

    Examples
    --------
    >>> interval = mean_interval([RunScore(value) for value in (0.70, 0.72, 0.74)])
    >>> round(interval.mean, 2), round(interval.low, 3), round(interval.high, 3), interval.basis
    (0.72, 0.67, 0.77, 'runs')
    """
    values = np.array([run.value for run in runs])
    n_runs, mean = len(runs), float(values.mean())
    if n_runs < 2:
        return Interval(mean, float("nan"), float("nan"), n_runs, "none")
    of_runs = float(values.var(ddof=1)) / n_runs
    if len({run.split for run in runs}) > 1:
        variance = resampling_variance(values.tolist(), float(np.mean([run.test_ratio for run in runs])))
        return t_interval(mean, [(variance, n_runs - 1.0)], n_runs, "splits")
    influences = [run.influence for run in runs if run.influence is not None]
    if len(influences) < n_runs:
        return t_interval(mean, [(of_runs, n_runs - 1.0)], n_runs, "runs")
    covariance, n_units = _shared_covariance(influences)
    parts = [(of_runs, n_runs - 1.0), (max(0.0, covariance), n_units - 1.0)]
    return t_interval(mean, parts, n_runs, "samples")


def t_interval(mean: float, parts: Sequence[tuple[float, float]], n_runs: int, basis: Basis) -> Interval:
    r"""Return the t interval of a mean whose variance is a sum of independent estimates.

    The degrees of freedom are :math:`(\sum_k v_k)^2 / \sum_k (v_k^2 / \nu_k)` (Satterthwaite 1946).

    Parameters
    ----------
    mean : float
    parts : sequence of (variance, degrees of freedom)
    n_runs, basis
        As in `Interval`.
    """
    from scipy.stats import t

    variance = sum(part for part, _ in parts)
    squares = sum(part**2 / degrees for part, degrees in parts if part > 0)
    degrees = variance**2 / squares if squares > 0 else parts[0][1]
    half = float(t.ppf(0.975, degrees)) * variance**0.5
    return Interval(mean, mean - half, mean + half, n_runs, basis, variance, degrees)


def average(intervals: Sequence[Interval]) -> Interval:
    """Return the mean of independent means, such as those of different data sets, with its 95% interval.

    The number of runs is the lowest of the parts. The bounds are NaN if one part has no interval.
    """
    mean = float(np.mean([interval.mean for interval in intervals]))
    n_runs = min(interval.n_runs for interval in intervals)
    bases = {interval.basis for interval in intervals}
    # the basis with the fewest sources of variance
    basis: Basis = next(name for name in ("none", "runs", "samples", "splits") if name in bases)
    if basis == "none":
        return Interval(mean, float("nan"), float("nan"), n_runs, basis)
    parts = [(interval.variance / len(intervals) ** 2, interval.degrees) for interval in intervals]
    return t_interval(mean, parts, n_runs, basis)


def combine(scores: Sequence[RunScore], weights: Sequence[float]) -> RunScore:
    """Return the weighted sum of scores on the same split; its influence is None if one of them is unknown."""
    value = float(np.dot([score.value for score in scores], weights))
    influences = [score.influence for score in scores if score.influence is not None]
    influence = None
    if len(influences) == len(scores):
        units = np.concatenate([one.units for one in influences])
        values = [weight * one.values for one, weight in zip(influences, weights, strict=True)]
        influence = Influence.of_units(units, np.concatenate(values))
    return RunScore(value, influence, scores[0].split, scores[0].test_ratio)


def _shared_covariance(influences: Sequence[Influence]) -> tuple[float, int]:
    """Return the mean covariance between two runs that is due to shared test units, and the number of units."""
    units = reduce(np.union1d, [one.units for one in influences])
    table: AnyArray = np.zeros((len(influences), len(units)))
    for row, one in enumerate(influences):
        table[row, np.searchsorted(units, one.units)] = one.values
    n_units = min(len(one.units) for one in influences)
    covariances = table @ table.T * n_units / max(1, n_units - 1)
    n_pairs = len(influences) * (len(influences) - 1)
    return float((covariances.sum() - np.trace(covariances)) / n_pairs), max(2, len(units))
