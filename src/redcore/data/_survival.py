"""Right-censored event times: validation, time bins, and the distribution of censoring."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import TargetError

__all__ = [
    "TINY",
    "TimeGrid",
    "check_survival",
    "kaplan_meier",
    "martingale_residuals",
    "risk_scores",
    "survival_fields",
]

MAX_BINS = 20
MIN_EVENTS_PER_BIN = 5
LEAST_HAZARD = 1e-4
MIN_UNCENSORED = 0.1
TINY = 1e-12
"""Lower bound of probabilities before the logarithm is taken."""


def survival_fields(values: Any) -> tuple[AnyArray, AnyArray] | None:
    """Return times and events of a structured array as in scikit-survival; None for other values.

    A structured array has two fields: booleans (True = event) and numbers (the times).
    """
    names = getattr(getattr(values, "dtype", None), "names", None)
    if names is None:
        return None
    events = [name for name in names if values[name].dtype.kind == "b"]
    times = [name for name in names if values[name].dtype.kind in "fiu"]
    if len(names) != 2 or len(events) != 1 or len(times) != 1:
        raise TargetError(
            f"target is a structured array with fields {values.dtype}, expected one of booleans (the events) and one "
            "of numbers (the times)"
        )
    return values[times[0]], values[events[0]]


def check_survival(times: Any, events: Any) -> AnyArray:
    """Return times and events, float64 (n_samples, 2), with an event of 1 and a censored time of 0.

    Raises
    ------
    TargetError
        If a time is missing, infinite, zero or negative, or an event is missing or not 0 or 1. The message names the
        first such row.
    """
    numbers = _numbers("time", times)
    indicators = _numbers("event", events)
    if len(numbers) != len(indicators):
        raise TargetError(f"{len(numbers)} times and {len(indicators)} events, expected as many")
    for row in np.flatnonzero(np.isnan(numbers) | np.isnan(indicators))[:1]:
        parts = [name for name, column in (("time", numbers), ("event", indicators)) if np.isnan(column[row])]
        absent = " and the ".join(parts) + (" is" if len(parts) == 1 else " are")
        raise TargetError(f"row {row}: the {absent} missing; expected the time and the event of every sample")
    for row in np.flatnonzero(~(numbers > 0) | np.isinf(numbers))[:1]:
        raise TargetError(f"row {row}: time {numbers[row]:g}, expected a positive number")
    for row in np.flatnonzero(~np.isin(indicators, (0, 1)))[:1]:
        listed = ", ".join(f"{value:g}" for value in np.unique(indicators)[:5])
        raise TargetError(
            f"row {row}: event {indicators[row]:g}, expected 1 (event) or 0 (censored); events are {listed}. Competing "
            "risks are not supported: choose one kind of event (event=COLUMN=VALUE), whose risk is then cause-specific"
        )
    return np.stack([numbers, indicators], axis=1)


def _numbers(what: str, values: Any) -> AnyArray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise TargetError(f"{what}s have shape {array.shape}, expected one per sample")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    for row, value in enumerate(array.tolist()):
        try:
            float(np.nan if value is None else value)
        except (TypeError, ValueError):
            raise TargetError(f"row {row}: {what} {str(value)[:40]!r} is not a number") from None
    return np.array([np.nan if value is None else float(value) for value in array.tolist()])


def kaplan_meier(
    times: AnyArray, events: AnyArray, weights: AnyArray | None = None, *, of_censoring: bool = False
) -> tuple[AnyArray, AnyArray]:
    """Return the different times and the Kaplan-Meier probability of no event up to and including each of them.

    Parameters
    ----------
    times : array (n_samples,)
    events : array (n_samples,)
        1 for an event and 0 for a censored time.
    weights : array (n_samples,), optional
    of_censoring : bool
        If True, return the probability of not being censored. Samples with an event at the same time as a censored one
        are then not at risk of being censored.
    """
    weights = np.ones(len(times)) if weights is None else weights
    steps, place = np.unique(times, return_inverse=True)
    total = np.bincount(place, weights)
    with_event = np.bincount(place, weights * events)
    at_risk = total[::-1].cumsum()[::-1]
    lost = with_event
    if of_censoring:
        at_risk, lost = at_risk - with_event, total - with_event
    hazard = np.divide(lost, at_risk, out=np.zeros(len(steps)), where=at_risk > 0)
    return steps, np.cumprod(1 - hazard.clip(0, 1))


@dataclass(frozen=True, eq=False)
class TimeGrid:
    """Time bins of a survival target, and the distribution of censoring in the training data.

    Attributes
    ----------
    borders : float64 array (n_bins,)
        Upper ends of the time bins, increasing. Bin k is ``(borders[k - 1], borders[k]]``; the first bin starts at 0.
        Survival curves are predicted at these times.
    censoring : float64 array (n_steps, 2)
        Times, and the Kaplan-Meier probability of not being censored up to and including each of them. Scores weight
        samples by its inverse.
    """

    borders: AnyArray
    censoring: AnyArray

    @classmethod
    def fit(cls, values: AnyArray, weights: AnyArray | None = None) -> "TimeGrid":
        """Return the grid of training samples: bins between quantiles of the event times, with equally many events.

        There are at most 20 bins, and fewer if a bin would have fewer than 5 events.

        Parameters
        ----------
        values : array (n_samples, 2)
            Times and events.
        weights : array (n_samples,), optional

        Raises
        ------
        TargetError
            If no sample has an event.
        """
        times, events = values.T
        if not events.any():
            raise TargetError(f"no events in training: all {len(times)} times are censored")
        of_events = np.sort(times[events == 1])
        n_bins = max(1, min(MAX_BINS, len(of_events) // MIN_EVENTS_PER_BIN))
        ends = np.arange(1, n_bins + 1) * len(of_events) // n_bins
        borders = np.unique(of_events[ends - 1])
        steps, probability = kaplan_meier(times, events, weights, of_censoring=True)
        changes = np.diff(probability, prepend=1.0) < 0
        return cls(borders, np.stack([steps[changes], probability[changes]], axis=1))

    @property
    def n_bins(self) -> int:
        """Number of time bins."""
        return len(self.borders)

    def positions(self, values: AnyArray) -> AnyArray:
        """Return times in units of bins and events, float32 (n_samples, 2), for the likelihood of discrete times.

        A sample with the position p is at risk in the first p bins, and for a fraction of the last one if p is not
        whole. An event has the position after its bin. An event after the last bin counts as censored there.
        """
        times, events = values.T
        starts = np.append(0.0, self.borders[:-1])
        place = np.searchsorted(self.borders, times, side="left")
        bins = place.clip(max=self.n_bins - 1)
        share = ((times - starts[bins]) / (self.borders - starts)[bins]).clip(0, 1)
        is_event = (events == 1) & (place < self.n_bins)
        return np.stack([np.where(is_event, bins + 1.0, bins + share), is_event], axis=1).astype(np.float32)

    def hazards(self, values: AnyArray, weights: AnyArray | None = None) -> AnyArray:
        """Return the share of the samples at risk that have the event in each bin, (n_bins,), in (0, 1)."""
        position, events = self.positions(values).astype(np.float64).T
        weights = np.ones(len(position)) if weights is None else weights
        at_risk = weights @ (position[:, None] - np.arange(self.n_bins)).clip(0, 1)
        bins = (position - 1).clip(min=0).astype(np.int64)
        with_event = np.bincount(bins, weights * events, minlength=self.n_bins)
        share = np.divide(with_event, at_risk, out=np.zeros(self.n_bins), where=at_risk > 0)
        return np.asarray(share.clip(LEAST_HAZARD, 1 - LEAST_HAZARD))

    def residuals(self, values: AnyArray, weights: AnyArray | None = None) -> AnyArray:
        """Return the martingale residuals of the samples, (n_samples,): events minus their expected number.

        The expected number is the sum of `hazards` over the bins in which the sample is at risk.
        """
        position, events = self.positions(values).astype(np.float64).T
        at_risk = (position[:, None] - np.arange(self.n_bins)).clip(0, 1)
        return np.asarray(events - at_risk @ self.hazards(values, weights))

    def uncensored(self, times: AnyArray) -> AnyArray:
        """Return the probability of not being censored up to and including each of the times."""
        place = np.searchsorted(self.censoring[:, 0], times, side="right")
        return np.asarray(np.append(1.0, self.censoring[:, 1])[place])

    def censoring_weights(self, times: AnyArray) -> AnyArray:
        """Return the inverse of `uncensored`, at most 10.

        Up to the horizon, the bound has an effect only if fewer than 10% of the training samples are followed to the
        first border.
        """
        return np.asarray(1 / self.uncensored(times).clip(min=MIN_UNCENSORED))

    @property
    def horizon(self) -> float:
        """Last border up to which at least 10% of the training samples are not censored; the first one otherwise.

        Scores compare predictions up to this time, so that no weight of a sample exceeds 10.
        """
        is_followed = self.uncensored(self.borders) >= MIN_UNCENSORED
        return float(self.borders[np.flatnonzero(is_followed)[-1] if is_followed.any() else 0])

    def at(self, curves: AnyArray, times: AnyArray) -> AnyArray:
        """Return predicted probabilities of survival at other times, (n_samples, n_times).

        The hazard is constant within a bin, and after the last one.

        Parameters
        ----------
        curves : array (n_samples, n_bins)
            Probabilities of survival at `borders`.
        times : array (n_times,)
        """
        knots, cumulative = self._cumulative_hazards(curves)
        bins = np.searchsorted(self.borders, times, side="left").clip(max=self.n_bins - 1)
        share = (np.asarray(times, dtype=np.float64) - knots[bins]) / np.diff(knots)[bins]
        low, high = cumulative[:, bins], cumulative[:, bins + 1]
        return np.asarray(np.exp(-(low + share * (high - low))))

    def quantile(self, curves: AnyArray, probability: AnyArray | float) -> AnyArray:
        """Return the times at which the predicted curves fall to 1 - `probability`, (n_samples,).

        Infinite for a curve that does not fall so far at the last border.

        Parameters
        ----------
        curves : array (n_samples, n_bins)
        probability : float or array (n_samples,)
            In [0, 1].
        """
        knots, cumulative = self._cumulative_hazards(curves)
        wanted = -np.log1p(-np.minimum(np.broadcast_to(probability, len(curves)), 1 - TINY))
        place = (cumulative[:, 1:] < wanted[:, None]).sum(axis=1)
        bins, rows = place.clip(max=self.n_bins - 1), np.arange(len(curves))
        low, high = cumulative[rows, bins], cumulative[rows, bins + 1]
        share = np.divide(wanted - low, high - low, out=np.zeros(len(rows)), where=high > low)
        times = knots[bins] + share.clip(0, 1) * np.diff(knots)[bins]
        return np.where(place < self.n_bins, times, np.inf)

    def _cumulative_hazards(self, curves: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return 0 and the borders, (n_bins + 1,), and the cumulative hazards there, (n_samples, n_bins + 1)."""
        cumulative = np.concatenate([np.zeros((len(curves), 1)), -np.log(curves.clip(min=TINY))], axis=1)
        return np.append(0.0, self.borders), cumulative

    def interval(self, curves: AnyArray, half_widths: AnyArray) -> AnyArray:
        """Return the times between the quantiles 1/2 - h and 1/2 + h of the predicted curves, (n_samples, 2).

        Lower bounds are at most the horizon. Upper bounds beyond the horizon are infinite.

        Parameters
        ----------
        curves : array (n_samples, n_bins)
        half_widths : array (n_samples,)
        """
        low = self.quantile(curves, (0.5 - half_widths).clip(min=0))
        high = self.quantile(curves, (0.5 + half_widths).clip(max=1))
        return np.stack([np.minimum(low, self.horizon), np.where(high > self.horizon, np.inf, high)], axis=1)


def risk_scores(curves: AnyArray) -> AnyArray:
    """Return the risk of each sample, (n_samples,): the sum of its cumulative hazards at the borders of the grid.

    Parameters
    ----------
    curves : array (n_samples, n_bins)
        Probabilities of survival at the borders.
    """
    return np.asarray(-np.log(curves.clip(min=TINY)).sum(axis=1))


def martingale_residuals(values: AnyArray) -> AnyArray:
    """Return one number per sample that is high for early events and low for late or censored ones, (n_samples,).

    It is 0 if no sample has an event; see `TimeGrid.residuals`.

    Parameters
    ----------
    values : array (n_samples, 2)
        Times and events.
    """
    return TimeGrid.fit(values).residuals(values) if values[:, 1].any() else np.zeros(len(values))
