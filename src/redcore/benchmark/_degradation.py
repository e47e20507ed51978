"""How scores fall as more is missing, and what imbalance adds at the same mean rate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redcore.benchmark._aggregate import Over, done, score_of
from redcore.benchmark._record import Record
from redcore.benchmark._statistics import bootstrap_interval

__all__ = ["Curve", "Gap", "degradation_curves", "imbalance_gaps"]

SAME_RATE = 0.01
"""How far mean missing rates may lie apart, by rounding to whole samples, and still be the same."""

Run = tuple[int, int]
"""Seed and fold."""


@dataclass(frozen=True)
class Curve:
    """The score of one method on one data set against the shared missing rate of training.

    Attributes
    ----------
    data, method : str
    rates : tuple of float
        Ascending.
    means, lows, highs : tuple of float
        With 95% bootstrap intervals over seeds and folds.
    area : float or None
        Under the curve by the trapezoid rule, divided by the range of rates: a mean score over that range. None for a
        single rate.
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
    """What imbalance costs one method on one data set, at the same mean missing rate.

    Attributes
    ----------
    data, method : str
    protocol : str
        The imbalanced one.
    mean_rate : float
    shared, imbalanced : float
        Mean scores over the runs (seeds and folds) that both have.
    gap, low, high : float
        Shared minus imbalanced, paired by run, with a 95% bootstrap interval. Positive: imbalance costs.
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
    """Return a curve for every data set and method that has records under protocol ``shared``."""
    values: dict[tuple[str, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (data, method, _, rate), runs in _by_protocol(records, "shared", score, over).items():
        values[data, method][rate].extend(runs.values())
    rng = np.random.default_rng(seed)
    return [_curve(*key, dict(sorted(points.items())), rng) for key, points in sorted(values.items())]


def _curve(data: str, method: str, points: dict[float, list[float]], rng: np.random.Generator) -> Curve:
    rates = tuple(points)
    means = tuple(float(np.mean(found)) for found in points.values())
    lows, highs = zip(*(bootstrap_interval(found, rng) for found in points.values()), strict=True)
    spread = rates[-1] - rates[0]
    area = float(np.trapezoid(means, rates) / spread) if spread else None
    return Curve(data, method, rates, means, lows, highs, area)


def imbalance_gaps(
    records: Sequence[Record], *, score: str | None = None, over: Over = "patterns", seed: int = 0
) -> list[Gap]:
    """Return the gap for every imbalanced protocol whose mean rate a shared one has as well."""
    shared = _by_protocol(records, "shared", score, over)
    gaps = []
    for (data, method, protocol, rate), runs in sorted(_by_protocol(records, "imbalanced", score, over).items()):
        for (other_data, other_method, _, other_rate), others in shared.items():
            both = sorted(runs.keys() & others.keys())
            same = (data, method) == (other_data, other_method) and abs(rate - other_rate) <= SAME_RATE
            if same and both:
                pairs = np.array([[others[run], runs[run]] for run in both])
                differences = pairs[:, 0] - pairs[:, 1]
                low, high = bootstrap_interval(differences, np.random.default_rng(seed))
                means = (float(pairs[:, 0].mean()), float(pairs[:, 1].mean()))
                gaps.append(Gap(data, method, protocol, rate, *means, float(differences.mean()), low, high))
    return gaps


def _by_protocol(
    records: Sequence[Record], name: str, score: str | None, over: Over
) -> dict[tuple[str, str, str, float], dict[Run, float]]:
    """Return scores by (data set, method, protocol, mean rate as realised in training) and run."""
    found: dict[tuple[str, str, str, float], dict[Run, float]] = defaultdict(dict)
    for record in done(records):
        value = score_of(record, score, over)
        if record.protocol_name == name and not np.isnan(value):
            rate = round(float(np.mean(list(record.missing_rates["train"].values()))), 2)
            key = (record.data_title, record.method_title, record.protocol_title, rate)
            found[key][record.seed, record.fold or 0] = value
    return found
