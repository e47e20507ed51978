"""Stability of supervision weights and relative advantages over training and between runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from redcore._types import AnyArray
from redcore.benchmark._aggregate import done
from redcore.benchmark._record import Record

__all__ = ["Stability", "settling", "trace_stability"]

LAST = 0.2
"""Fraction of training, at its end, over which the final value of a trace is averaged."""

BAND = 0.1
"""Largest deviation of a settled trace from its final value, relative to the mean absolute final value."""


@dataclass(frozen=True)
class Stability:
    """Stability of one quantity for one method on one data set with one protocol.

    The final value of a trace is its mean over the last fifth of training.

    Attributes
    ----------
    data, protocol, method, quantity : str
        `quantity` is ``"supervision_weight"`` or ``"relative_advantage"``.
    n_runs : int
        Number of runs (seeds times folds).
    means, deviations : dict of str to float
        Mean and standard deviation of the final value over runs, by modality. `deviations` is empty for a single run.
    within : dict of str to float
        Standard deviation within the last fifth of training, averaged over runs, by modality.
    agreement : float or None
        Kendall's W for the order of the modalities over runs. It is 1 if all runs have the same order, and near 0 if
        the orders are random. None with fewer than two runs or modalities.
    settled : float
        Median over runs of the fraction of training after which all traces stay near their final value; see `settling`.
    """

    data: str
    protocol: str
    method: str
    quantity: str
    n_runs: int
    means: dict[str, float]
    deviations: dict[str, float]
    within: dict[str, float]
    agreement: float | None
    settled: float


def trace_stability(records: Sequence[Record], quantity: str = "supervision_weight") -> list[Stability]:
    """Return the stability of a quantity for each data set, protocol and method with a history of it."""
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in done(records):
        if any(name.startswith(f"{quantity}/") for name in record.history):
            groups[record.data_title, record.protocol_title, record.method_title].append(record)
    return [_stability(*key, quantity, runs) for key, runs in sorted(groups.items())]


def _stability(data: str, protocol: str, method: str, quantity: str, records: list[Record]) -> Stability:
    prefix = f"{quantity}/"
    names = [name.removeprefix(prefix) for name in records[0].history if name.startswith(prefix)]
    traces = [np.array([record.history[prefix + name] for name in names]) for record in records]
    last = [trace[:, -_n_last(trace) :] for trace in traces]
    ends: AnyArray = np.array([points.mean(axis=1) for points in last])
    deviations = dict(zip(names, ends.std(axis=0, ddof=1).tolist(), strict=True)) if len(ends) > 1 else {}
    within = np.mean([points.std(axis=1) for points in last], axis=0)
    return Stability(
        data,
        protocol,
        method,
        quantity,
        len(records),
        dict(zip(names, ends.mean(axis=0).tolist(), strict=True)),
        deviations,
        dict(zip(names, within.tolist(), strict=True)),
        _agreement(ends),
        float(np.median([settling(trace) for trace in traces])),
    )


def _n_last(trace: AnyArray) -> int:
    n_points: int = trace.shape[1]
    return max(1, round(LAST * n_points))


def settling(trace: AnyArray) -> float:
    """Return the fraction of training, in [0, 1], after which a quantity stays near its final value for all modalities.

    A trace is the course of the quantity, such as a supervision weight, over training. Its final value is the mean over
    the last fifth of training. All traces share one tolerance: 10% of the mean, over modalities, of the absolute final
    value. The result is 1 if a trace does not settle.

    Parameters
    ----------
    trace : array (n_modalities, n_points)
        Values at evenly spaced steps.
    """
    end = trace[:, -_n_last(trace) :].mean(axis=1, keepdims=True)
    outside = np.flatnonzero((np.abs(trace - end) > BAND * np.abs(end).mean()).any(axis=0))
    return float((outside[-1] + 1) / trace.shape[1]) if outside.size else 0.0


def _agreement(ends: AnyArray) -> float | None:
    """Return how well the runs agree on the order of the modalities: Kendall's W, corrected for ties, in [0, 1].

    `ends` has the final values, (n_runs, n_modalities).
    """
    n_runs, n_modalities = ends.shape
    if n_runs < 2 or n_modalities < 2:
        return None
    ranks = rankdata(ends, axis=1)
    ties = sum(float((counts**3 - counts).sum()) for counts in (np.unique(row, return_counts=True)[1] for row in ranks))
    denominator = n_runs**2 * (n_modalities**3 - n_modalities) - n_runs * ties
    squares = float(((ranks.sum(axis=0) - n_runs * (n_modalities + 1) / 2) ** 2).sum())
    return 12 * squares / denominator if denominator > 0 else None
