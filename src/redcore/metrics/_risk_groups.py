"""Observed survival of groups of samples by predicted risk, with confidence bands and numbers at risk."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray, FloatArray, IntArray
from redcore.data import Target, kaplan_meier, risk_scores

__all__ = ["RiskGroup", "risk_groups"]

MIN_SAMPLES = 5
"""Smallest number of samples of a group."""

MAX_STEPS = 200
"""Largest number of steps of a curve that are kept."""

N_TICKS = 5
"""Number of times at which the samples at risk are counted."""

NORMAL_QUANTILE = 1.959963984540054


@dataclass(frozen=True)
class RiskGroup:
    """Samples with similar predicted risks.

    Attributes
    ----------
    n_samples, n_events : int
    times : array (n_steps,)
        Times of events, increasing. Of more than 200, a subset is kept.
    survival : array (n_steps,)
        Kaplan-Meier probability of survival after each time.
    low, high : array (n_steps,)
        Pointwise 95% confidence band, by Greenwood's variance of ``log(-log S)``; equal to `survival` where this is 0
        or 1.
    borders : array (n_bins,)
        Times of the predicted curve.
    predicted : array (n_bins,)
        Mean of the predicted curves of the samples.
    ticks : array (n_ticks,)
    at_risk : int array (n_ticks,)
        Number of samples without an event or censoring before each of `ticks`.
    """

    n_samples: int
    n_events: int
    times: AnyArray
    survival: AnyArray
    low: AnyArray
    high: AnyArray
    borders: AnyArray
    predicted: AnyArray
    ticks: AnyArray
    at_risk: IntArray

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as a dict for JSON, with at most 5 digits."""
        return {
            name: [float(f"{number:.5g}") for number in value.tolist()] if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }


def risk_groups(target: Target, curves: AnyArray, n_groups: int = 3) -> list[RiskGroup]:
    """Divide samples into groups of equal size by predicted risk, from low to high risk.

    Parameters
    ----------
    target : Target
        Survival target with the time grid of the model.
    curves : array (n_samples, n_bins)
        Predicted probabilities of survival at the borders of the time grid.
    n_groups : int, default 3
        Fewer if a group would have fewer than 5 samples.
    """
    n_samples = len(curves)
    order = np.argsort(risk_scores(curves), kind="stable")
    latest = float(target.values[:, 0].max(initial=0.0))
    ticks = np.linspace(0.0, latest, N_TICKS)
    parts = np.array_split(order, max(1, min(n_groups, n_samples // MIN_SAMPLES)))
    return [_group(target.take(rows), curves[rows], ticks) for rows in parts if len(rows)]


def _group(target: Target, curves: AnyArray, ticks: AnyArray) -> RiskGroup:
    times, events = target.values.T
    steps, survival = kaplan_meier(times, events)
    at_risk = len(times) - np.searchsorted(np.sort(times), steps)
    n_events = np.bincount(np.searchsorted(steps, times), events, minlength=len(steps))
    chosen = np.flatnonzero(n_events)
    if len(chosen) > MAX_STEPS:
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, MAX_STEPS).round().astype(int))]
    low, high = _band(survival, n_events, at_risk)
    return RiskGroup(
        len(times),
        int(events.sum()),
        steps[chosen],
        survival[chosen],
        low[chosen],
        high[chosen],
        target.time_grid.borders,
        curves.mean(axis=0),
        ticks,
        len(times) - np.searchsorted(np.sort(times), ticks),
    )


def _band(survival: AnyArray, n_events: AnyArray, at_risk: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the pointwise 95% confidence band of a Kaplan-Meier curve."""
    left = at_risk - n_events
    variance = np.cumsum(np.divide(n_events, at_risk * left, out=np.zeros(len(left)), where=left > 0))
    inside = (survival > 0) & (survival < 1)
    logs = np.log(np.where(inside, survival, 0.5))
    factor = np.exp(NORMAL_QUANTILE * np.sqrt(variance) / np.abs(logs))
    low = np.where(inside, np.exp(logs * factor), survival)
    high = np.where(inside, np.exp(logs / factor), survival)
    return low, high
