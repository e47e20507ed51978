"""Degradation curves over missing rates, and the effect of imbalanced rates at the same mean rate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redcore.benchmark._aggregate import Over, done, run_score
from redcore.benchmark._compare import Run, paired_interval
from redcore.benchmark._intervals import RunScore, mean_interval
from redcore.benchmark._record import Record

__all__ = ["Curve", "Gap", "degradation_curves", "imbalance_gaps"]

RATE_TOLERANCE = 0.01
"""Tolerance for equal mean missing rates. Realised rates differ because they are multiples of 1 / n_samples."""


@dataclass(frozen=True)
class Curve:
    """Score of one method on one data set as a function of the shared missing rate in training.

    Attributes
    ----------
    data, method : str
    rates : tuple of float
        Missing rates in ascending order.
    means, lows, highs : tuple of float
        Mean score per rate, and its 95% interval (see `mean_interval`). The bounds are NaN for a single run.
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
        Score with the shared rate minus score with imbalanced rates, paired by run, with a 95% interval (see
        `mean_interval`). A positive gap means that imbalance lowers the score.
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


def degradation_curves(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> list[Curve]:
    """Return a curve for every data set and method with records of protocol ``shared``.

    See `score_of` for `score` and `over`.
    """
    values: dict[tuple[str, str], dict[float, list[RunScore]]] = defaultdict(lambda: defaultdict(list))
    for (data, method, _, rate), runs in _by_protocol(records, "shared", score, over).items():
        values[data, method][rate].extend(runs.values())
    return [_curve(*key, dict(sorted(points.items()))) for key, points in sorted(values.items())]


def _curve(data: str, method: str, points: dict[float, list[RunScore]]) -> Curve:
    rates = tuple(points)
    intervals = [mean_interval(runs) for runs in points.values()]
    means = tuple(interval.mean for interval in intervals)
    rate_range = rates[-1] - rates[0]
    area = float(np.trapezoid(means, rates) / rate_range) if rate_range else None
    lows, highs = (tuple(getattr(interval, bound) for interval in intervals) for bound in ("low", "high"))
    return Curve(data, method, rates, means, lows, highs, area)


def imbalance_gaps(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> list[Gap]:
    """Return the gap of every imbalanced protocol that has a shared protocol of the same mean rate.

    See `score_of` for `score` and `over`.
    """
    shared = _by_protocol(records, "shared", score, over)
    gaps = []
    for (data, method, protocol, rate), runs in sorted(_by_protocol(records, "imbalanced", score, over).items()):
        for (other_data, other_method, _, other_rate), others in shared.items():
            interval = paired_interval(others, runs)
            comparable = (data, method) == (other_data, other_method) and abs(rate - other_rate) <= RATE_TOLERANCE
            if comparable and interval is not None:
                common = runs.keys() & others.keys()
                means = [float(np.mean([scores[run].value for run in common])) for scores in (others, runs)]
                bounds = (interval.mean, interval.low, interval.high)
                gaps.append(Gap(data, method, protocol, rate, means[0], means[1], *bounds))
    return gaps


def _by_protocol(
    records: Sequence[Record], name: str, score: str | None, over: Over
) -> dict[tuple[str, str, str, float], dict[Run, RunScore]]:
    """Return scores by (data set, method, protocol, realised mean missing rate in training) and run."""
    scores: dict[tuple[str, str, str, float], dict[Run, RunScore]] = defaultdict(dict)
    for record in done(records):
        if record.protocol_name != name:
            continue
        value = run_score(record, score, over)
        if not np.isnan(value.value):
            rate = round(float(np.mean(list(record.missing_rates["train"].values()))), 2)
            key = (record.data_title, record.method_title, record.protocol_title, rate)
            scores[key][record.seed, record.fold or 0] = value
    return scores
