"""Scores and coverage of intervals on labelled samples, over time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from redcore._defaults import COVERAGE
from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.methods import Method
from redcore.metrics import all_scores, details_of
from redcore.uncertainty import Calibration

__all__ = ["LabelledPeriod", "labelled_periods"]

MAX_PERIODS, MIN_SAMPLES = 10, 50
"""Largest number of periods, and smallest number of samples of each."""

NORMAL_QUANTILE, STRICT_QUANTILE = 1.959964, 2.575829
"""Quantiles of the normal distribution at 97.5% and 99.5%."""


@dataclass(frozen=True)
class LabelledPeriod:
    """Scores of the labelled samples of one period.

    Attributes
    ----------
    start, end : str
        First and last time; empty without times.
    n_samples : int
    scores : dict of str to float or None
        As in `redcore.metrics.all_scores`.
    intervals : dict of str to [low, high] or None
        95% bootstrap intervals of some scores, over groups if the data has groups.
    coverage : float or None
        Share of the true values inside the prediction intervals or prediction sets with coverage 0.9; None without a
        calibration.
    coverage_interval : (low, high) or None
        Wilson's 95% interval of `coverage`.
    covers_too_little : bool
        True if the coverage is significantly below 0.9 (one-sided level 0.5%), given the size of the calibration set.
    """

    start: str
    end: str
    n_samples: int
    scores: dict[str, float | None]
    intervals: dict[str, list[float] | None]
    coverage: float | None
    coverage_interval: tuple[float, float] | None
    covers_too_little: bool


def labelled_periods(
    method: Method,
    data: MultimodalData,
    outputs: AnyArray,
    calibration: Calibration | None = None,
    times: AnyArray | None = None,
    seed: int = 0,
) -> list[LabelledPeriod]:
    """Score labelled samples in periods with equally many samples.

    Parameters
    ----------
    method : Method
    data : MultimodalData
        Samples with a target.
    outputs : array (n_samples, n_outputs)
        Predictions for `data`.
    calibration : Calibration, optional
    times : array (n_samples,), optional
        Sortable times. There are at most 10 periods, with at least 50 samples each. Default: one period.
    seed : int
        Seed of the bootstrap.
    """
    data = method.schema.align(data)
    covered: AnyArray | None = None
    assert data.target is not None
    if data.target.kind.is_survival:
        calibration = None  # it is unknown if an interval covers a censored time
    if calibration is not None:
        covered = np.all(calibration.covers(data, outputs, COVERAGE), axis=1)
    periods = []
    for rows in _rows(data.n_samples, times):
        samples, predicted = data.take(rows), outputs[rows]
        assert samples.target is not None
        decided = method.decide(predicted) if samples.target.is_classification else None
        details = details_of(samples, predicted, decided, seed)
        start, end = ("", "") if times is None else (str(times[rows[0]]), str(times[rows[-1]]))
        share = None if covered is None else float(covered[rows].mean())
        periods.append(
            LabelledPeriod(
                start,
                end,
                len(rows),
                all_scores(samples.target, predicted, None, method.decide),
                {} if details is None else dict(details.intervals),
                share,
                None if share is None else _wilson(share, len(rows)),
                share is not None and calibration is not None and _is_below(share, len(rows), calibration.n_units),
            )
        )
    return periods


def _rows(n_samples: int, times: AnyArray | None) -> Iterator[AnyArray]:
    """Yield the rows of each period, in the order of time."""
    if times is None:
        yield np.arange(n_samples)
        return
    n_periods = max(1, min(MAX_PERIODS, n_samples // MIN_SAMPLES))
    yield from np.array_split(np.argsort(times, kind="stable"), n_periods)


def _is_below(share: float, n_samples: int, n_calibration: int) -> bool:
    """Return True if a coverage is significantly below the nominal one.

    The coverage of a calibrated interval varies with its calibration set, by about the same variance per sample.
    """
    deviation: float = (COVERAGE * (1 - COVERAGE) * (1 / n_samples + 1 / n_calibration)) ** 0.5
    return share < COVERAGE - STRICT_QUANTILE * deviation


def _wilson(share: float, n_samples: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share."""
    squared = NORMAL_QUANTILE**2
    centre = (share + squared / (2 * n_samples)) / (1 + squared / n_samples)
    variance = share * (1 - share) / n_samples + squared / (4 * n_samples**2)
    half = NORMAL_QUANTILE * variance**0.5 / (1 + squared / n_samples)
    return centre - half, centre + half
