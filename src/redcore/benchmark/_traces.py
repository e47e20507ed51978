"""Supervision weights and relative advantages over training: do runs agree, and when do they settle."""

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
"""Share of the training, at its end, that a trace is judged by."""

BAND = 0.1
"""How far a settled trace may be from where it ends, as a share of the mean weight."""


@dataclass(frozen=True)
class Stability:
    """One kind of trace of one method on one data set under one protocol.

    Attributes
    ----------
    data, protocol, method, quantity : str
        `quantity` is ``"supervision_weight"`` or ``"relative_advantage"``.
    n_runs : int
    means, deviations : dict of str to float
        By modality, over runs, of the mean over the last fifth of training; no deviations of a single run.
    within : dict of str to float
        Mean over runs of the standard deviation within the last fifth: how much a trace still moves.
    agreement : float or None
        Kendall's W of the order of the modalities over runs: 1 if all runs order them alike, near 0 if by chance.
    settled : float or None
        Median over runs of the share of training after which all traces stay near their end, see `settling`.
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
    """Compare the traces of all runs (seeds and folds) of each data set, protocol and method that has them."""
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in done(records):
        if any(name.startswith(f"{quantity}/") for name in record.history):
            groups[record.data_title, record.protocol_title, record.method_title].append(record)
    return [_stability(*key, quantity, found) for key, found in sorted(groups.items())]


def _stability(data: str, protocol: str, method: str, quantity: str, records: list[Record]) -> Stability:
    start = f"{quantity}/"
    names = [name.removeprefix(start) for name in records[0].history if name.startswith(start)]
    traces = [np.array([record.history[start + name] for name in names]) for record in records]
    last = [trace[:, -_n_last(trace) :] for trace in traces]
    ends: AnyArray = np.array([part.mean(axis=1) for part in last])
    deviations = dict(zip(names, ends.std(axis=0, ddof=1).tolist(), strict=True)) if len(ends) > 1 else {}
    within = np.mean([part.std(axis=1) for part in last], axis=0)
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
    """Return the share of training, in [0, 1], after which all modalities stay near where they end.

    Near is within 10% of the mean absolute value of all modalities at the end, around the mean over the last fifth; 1
    means that they do not settle.

    Parameters
    ----------
    trace : array (n_modalities, n_points)
        At evenly spaced steps.
    """
    end = trace[:, -_n_last(trace) :].mean(axis=1, keepdims=True)
    outside = np.flatnonzero((np.abs(trace - end) > BAND * np.abs(end).mean()).any(axis=0))
    return float((outside[-1] + 1) / trace.shape[1]) if outside.size else 0.0


def _agreement(ends: AnyArray) -> float | None:
    """Return Kendall's coefficient of concordance, corrected for ties, of (n_runs, n_modalities) values."""
    n_runs, n_modalities = ends.shape
    if n_runs < 2 or n_modalities < 2:
        return None
    ranks = rankdata(ends, axis=1)
    ties = sum(float((counts**3 - counts).sum()) for counts in (np.unique(row, return_counts=True)[1] for row in ranks))
    possible = n_runs**2 * (n_modalities**3 - n_modalities) - n_runs * ties
    spread = float(((ranks.sum(axis=0) - n_runs * (n_modalities + 1) / 2) ** 2).sum())
    return 12 * spread / possible if possible > 0 else None
