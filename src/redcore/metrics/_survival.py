"""Scores of predicted survival curves, with inverse-probability-of-censoring weights from the training data."""

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import Target, TimeGrid, kaplan_meier, risk_scores

__all__ = ["concordance", "survival_scores"]

Scores = dict[str, float | None]

BLOCK = 1024
"""Number of samples whose pairs are compared directly."""

HORIZONS = (0.25, 0.5, 0.75)
"""Shares of the training events before the horizons of the calibration error."""

N_GROUPS = 5
"""Number of groups of equal size by predicted risk in the calibration error."""


def survival_scores(target: Target, curves: AnyArray) -> Scores:
    """Score predicted survival curves.

    Except for Harrell's C, predictions are compared up to the horizon of the time grid, to which at least 10% of the
    training samples are followed. Later events count as censored at the horizon. The weights are those of the censoring
    distribution of the training data.

    Parameters
    ----------
    target : Target
        Survival target with the time grid of the model; see `redcore.data.Schema.align`.
    curves : array (n_samples, n_bins)
        Predicted probabilities of survival at the borders of the time grid.

    Returns
    -------
    dict
        - ``uno_c`` in [0, 1]: share of the comparable pairs of samples in which the one with the higher risk has the
          earlier event, weighted such that it does not depend on the censoring (Uno et al. 2011);
        - ``harrell_c`` in [0, 1]: the same without weights and horizon (Harrell et al. 1982);
        - ``ibs``, at least 0, and at most 1 without censoring: Brier score integrated over the grid up to the horizon
          (Graf et al. 1999);
        - ``dynamic_auc`` in [0, 1]: AUC of samples with an event before a time against those without, averaged over
          the times of the grid (Uno et al. 2007; Lambert and Chevret 2016);
        - ``horizon_error`` in [0, 1]: calibration error, the absolute difference between the predicted and the
          Kaplan-Meier probability of survival in 5 groups by predicted risk, averaged over groups and over the
          quartiles of the training events.

        A score is None if no pair of samples is comparable, or no sample is followed to a time of the grid.
    """
    from sklearn.utils import assert_all_finite

    assert_all_finite(curves, input_name="survival curves")
    grid = target.time_grid
    times, events = target.values.T
    before = events * (times <= grid.horizon)
    risk = risk_scores(curves)
    weights = before * grid.censoring_weights(times)
    return {
        "uno_c": concordance(times, events, risk, weights**2 * before),
        "harrell_c": concordance(times, events, risk, events),
        "ibs": _integrated_brier(grid, times, weights, curves),
        "dynamic_auc": _dynamic_auc(grid, times, events, curves),
        "horizon_error": _horizon_error(grid, times, events, curves),
    }


def concordance(times: AnyArray, events: AnyArray, risk: AnyArray, weights: AnyArray) -> float | None:
    """Return the weighted share of concordant pairs; None without comparable pairs.

    A sample with an event is comparable with all samples that have a later event or censored time, and with those that
    are censored at the same time. Equal risks count as one half.

    Parameters
    ----------
    times, events, risk : array (n_samples,)
    weights : array (n_samples,)
        Weight of the pairs in which a sample has the earlier event; 0 for censored samples.

    Examples
    --------
    >>> times, events, risk = np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0.5, 0.9, 0.1])
    >>> round(concordance(times, events, risk, events), 3)
    0.667
    """
    order = np.lexsort((-events, times))
    times, events, risk, weights = times[order], events[order], risk[order], weights[order]
    # the comparable samples of an event are those after the last event of the same time
    first = np.searchsorted(times, times, side="left")
    n_events = np.concatenate([[0], np.cumsum(events == 1)])
    last = np.searchsorted(times, times, side="right")
    starts = first + (n_events[last] - n_events[first])
    rows = np.flatnonzero((weights > 0) & (starts < len(times)))
    pairs = weights[rows] @ (len(times) - starts[rows])
    if pairs <= 0:
        return None
    return float(weights[rows] @ _n_below(risk, starts[rows], risk[rows]) / pairs)


def _n_below(values: AnyArray, starts: IntArray, limits: AnyArray) -> AnyArray:
    """Return the number of ``values[start:]`` below each limit, with one half for equal values."""
    counts, later = np.zeros(len(starts)), np.zeros(0)
    blocks = starts // BLOCK
    for block in range(int(blocks.max(initial=0)), -1, -1) if len(starts) else ():
        later = np.sort(values[(block + 1) * BLOCK :]) if not len(later) else later
        own = np.flatnonzero(blocks == block)
        limit, begin = limits[own], starts[own, None]
        inside = np.arange(block * BLOCK, min((block + 1) * BLOCK, len(values)))
        is_later = inside >= begin
        below = values[inside] < limit[:, None]
        ties = values[inside] == limit[:, None]
        counts[own] = (is_later & below).sum(axis=1) + 0.5 * (is_later & ties).sum(axis=1)
        counts[own] += 0.5 * (np.searchsorted(later, limit, "left") + np.searchsorted(later, limit, "right"))
        later = np.sort(np.concatenate([later, values[inside]]), kind="stable")
    return counts


def _times_of(grid: TimeGrid) -> IntArray:
    """Return the indices of the borders up to the horizon."""
    return np.flatnonzero(grid.borders <= grid.horizon)


def _integrated_brier(grid: TimeGrid, times: AnyArray, weights: AnyArray, curves: AnyArray) -> float | None:
    """Integrate the Brier score by the trapezoidal rule; with a single border, return the score at this border."""
    chosen = _times_of(grid)
    borders = grid.borders[chosen]
    is_later = times[:, None] > borders
    predicted = curves[:, chosen]
    of_events = np.where(is_later, 0.0, predicted**2 * weights[:, None])
    of_others = np.where(is_later, (1 - predicted) ** 2 * grid.censoring_weights(borders), 0.0)
    values = (of_events + of_others).mean(axis=0)
    if len(borders) == 1:
        return float(values[0])
    return float(np.trapezoid(values, borders) / (borders[-1] - borders[0]))


def _dynamic_auc(grid: TimeGrid, times: AnyArray, events: AnyArray, curves: AnyArray) -> float | None:
    """Average over the borders before the horizon, weighted by the share of the events since the border before."""
    chosen = _times_of(grid)
    steps, survival = kaplan_meier(times, events)
    at_borders = np.append(1.0, survival)[np.searchsorted(steps, grid.borders[chosen], side="right")]
    drops = -np.diff(at_borders, prepend=1.0)
    weights = events * grid.censoring_weights(times)
    total = used = 0.0
    for index, drop in zip(chosen, drops, strict=True):
        is_later = times > grid.borders[index]
        cases = np.flatnonzero(~is_later & (weights > 0))
        controls = np.sort(1 - curves[is_later, index])
        if drop <= 0 or not cases.size or not controls.size:
            continue
        risks = 1 - curves[cases, index]
        ranks = 0.5 * (np.searchsorted(controls, risks, "left") + np.searchsorted(controls, risks, "right"))
        total += drop * float(np.average(ranks / len(controls), weights=weights[cases]))
        used += drop
    return float(total / used) if used > 0 else None


def _horizon_error(grid: TimeGrid, times: AnyArray, events: AnyArray, curves: AnyArray) -> float | None:
    errors = []
    for share in HORIZONS:
        index = min(int(np.ceil(share * grid.n_bins)) - 1, _times_of(grid)[-1])
        predicted = curves[:, max(index, 0)]
        for group in np.array_split(np.argsort(predicted, kind="stable"), min(N_GROUPS, len(predicted))):
            if times[group].max() < grid.borders[index]:
                continue
            steps, survival = kaplan_meier(times[group], events[group])
            observed = np.append(1.0, survival)[np.searchsorted(steps, grid.borders[index], side="right")]
            errors.append(abs(float(predicted[group].mean()) - observed))
    return float(np.mean(errors)) if errors else None
