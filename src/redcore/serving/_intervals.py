"""Prediction intervals from the calibration of a regression or survival model."""

import warnings
from functools import lru_cache

import numpy as np

from redcore.data import TimeGrid
from redcore.exceptions import CalibrationWarning
from redcore.serving._samples import Sample
from redcore.uncertainty import Calibration

__all__ = ["Intervals"]

MAX_PATTERNS = 4096
"""Size of the cache of half-widths, in missing patterns."""


class Intervals:
    """Lower and upper bounds of predictions; the half-width of each missing pattern is computed once and kept.

    Parameters
    ----------
    calibration : Calibration
        Fitted to a calibration set.
    coverage : float
        Probability that an interval contains the true value, in (0, 1).
    """

    def __init__(self, calibration: Calibration, coverage: float) -> None:
        self.calibration, self.coverage = calibration, coverage
        self._half_widths = lru_cache(MAX_PATTERNS)(self._compute_half_widths)

    def _compute_half_widths(self, pattern: tuple[str, ...]) -> list[float]:
        with warnings.catch_warnings():
            # the warning reports patterns with few calibration samples; a client sees it from the wide interval
            warnings.simplefilter("ignore", CalibrationWarning)
            half_widths: list[float] = self.calibration.bound(pattern, self.coverage).tolist()
        return half_widths

    def around(self, sample: Sample, numbers: list[float]) -> list[list[float] | None]:
        """Return one interval [low, high] per predicted number.

        An interval is None if the calibration set has too few samples with this missing pattern.
        """
        half_widths = self._half_widths(tuple(sorted(sample)))
        return [
            [number - half_width, number + half_width] if np.isfinite(half_width) else None
            for number, half_width in zip(numbers, half_widths, strict=True)
        ]

    def of_time(self, sample: Sample, curve: list[float], grid: TimeGrid) -> list[float | None] | None:
        """Return the interval [low, high] of the time to the event of a sample with the predicted survival curve.

        `high` is None if the interval is unbounded; see `TimeGrid.interval`. The interval is None if the calibration
        set has too few samples with this missing pattern.
        """
        half_widths = np.array(self._half_widths(tuple(sorted(sample))))
        if not np.isfinite(half_widths).all():
            return None
        low, high = grid.interval(np.array([curve]), half_widths)[0].tolist()
        return [low, high if np.isfinite(high) else None]
