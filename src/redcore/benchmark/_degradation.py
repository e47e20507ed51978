"""Degradation curves over missing rates, and the effect of imbalanced rates at the same mean rate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redcore.benchmark._aggregate import Over, done, score_of
from redcore.benchmark._record import Record
from redcore.benchmark._statistics import bootstrap_interval

__all__ = ["Curve", "Gap", "degradation_curves", "imbalance_gaps"]

RATE_TOLERANCE = 0.01
"""Tolerance for equal mean missing rates. Realised rates differ because they are multiples of 1 / n_samples."""

Run = tuple[int, int]
"""Seed and fold."""


@dataclass(frozen=True)
class Curve:
    """Score of one method on one data set as a function of the shared missing rate in training.

    Attributes
    ----------
    data, method : str
    rates : tuple of float
        Missing rates in ascending order.
    means, lows, highs : tuple of float
        Mean score per rate, and its 95% bootstrap interval over seeds and folds.
    area : float or None
        Area under the curve (trapezoidal rule) divided by the range of rates, that is, the mean score over this range.
        None for a single rate.
    """

    data: str
    method: str
    rates: tuple[float, ...]
    means: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    area: float | None


@dataclass(frozen=True)
class Gap:
    """Effect of imbalanced missing rates on one method and data set, compared with a shared rate of the same mean.

    Attributes
    ----------
    data, method : str
    protocol : str
        Title of the imbalanced protocol.
    mean_rate : float
        Mean missing rate in training.
    shared, imbalanced : float
        Mean scores over the runs (seeds and folds) of both protocols.
    gap, low, high : float
        Score with the shared rate minus score with imbalanced rates, paired by run, with a 95% bootstrap interval. A
        positive gap means that imbalance lowers the score.
    """

    data: str
    method: str
    protocol: str
    mean_rate: float
    shared: float
    imbalanced: float
    gap: float
    low: float
    high: float


def degradation_curves(
    records: Sequence[Record], *, score: str | None = None, over: Over = "patterns", seed: int = 0
) -> list[Curve]:
    """Return a curve for every data set and method with records of protocol ``shared``.

    See `score_of` for `score` and `over`; `seed` is the random seed of the bootstrap.
    """
    values: dict[tuple[str, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (data, method, _, rate), runs in _by_protocol(records, "shared", score, over).items():
        values[data, method][rate].extend(runs.values())
    rng = np.random.default_rng(seed)
    return [_curve(*key, dict(sorted(points.items())), rng) for key, points in sorted(values.items())]


def _curve(data: str, method: str, points: dict[float, list[float]], rng: np.random.Generator) -> Curve:
    rates = tuple(points)
    means = tuple(float(np.mean(scores)) for scores in points.values())
    lows, highs = zip(*(bootstrap_interval(scores, rng) for scores in points.values()), strict=True)
    rate_range = rates[-1] - rates[0]
    area = float(np.trapezoid(means, rates) / rate_range) if rate_range else None
    return Curve(data, method, rates, means, lows, highs, area)


def imbalance_gaps(
    records: Sequence[Record], *, score: str | None = None, over: Over = "patterns", seed: int = 0
) -> list[Gap]:
    """Return the gap of every imbalanced protocol that has a shared protocol of the same mean rate.

    See `score_of` for `score` and `over`; `seed` is the random seed of the bootstrap.
    """
    shared = _by_protocol(records, "shared", score, over)
    gaps = []
    for (data, method, protocol, rate), runs in sorted(_by_protocol(records, "imbalanced", score, over).items()):
        for (other_data, other_method, _, other_rate), others in shared.items():
            common_runs = sorted(runs.keys() & others.keys())
            comparable = (data, method) == (other_data, other_method) and abs(rate - other_rate) <= RATE_TOLERANCE
            if comparable and common_runs:
                pairs = np.array([[others[run], runs[run]] for run in common_runs])
                differences = pairs[:, 0] - pairs[:, 1]
                low, high = bootstrap_interval(differences, np.random.default_rng(seed))
                means = (float(pairs[:, 0].mean()), float(pairs[:, 1].mean()))
                gaps.append(Gap(data, method, protocol, rate, *means, float(differences.mean()), low, high))
    return gaps


def _by_protocol(
    records: Sequence[Record], name: str, score: str | None, over: Over
) -> dict[tuple[str, str, str, float], dict[Run, float]]:
    """Return scores by (data set, method, protocol, realised mean missing rate in training) and run."""
    scores: dict[tuple[str, str, str, float], dict[Run, float]] = defaultdict(dict)
    for record in done(records):
        value = score_of(record, score, over)
        if record.protocol_name == name and not np.isnan(value):
            rate = round(float(np.mean(list(record.missing_rates["train"].values()))), 2)
            key = (record.data_title, record.method_title, record.protocol_title, rate)
            scores[key][record.seed, record.fold or 0] = value
    return scores
