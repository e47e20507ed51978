"""Intervals of numbers, from the calibration that a model file holds."""

import warnings
from functools import lru_cache

import numpy as np

from redcore.exceptions import CalibrationWarning
from redcore.serving._samples import Sample
from redcore.uncertainty import Calibration

__all__ = ["Intervals"]

MAX_PATTERNS = 4096
"""Patterns whose bounds are remembered."""


class Intervals:
    """Half-widths by missing pattern.

    Parameters
    ----------
    calibration : Calibration
    coverage : float
        In (0, 1).
    """

    def __init__(self, calibration: Calibration, coverage: float) -> None:
        self.calibration, self.coverage = calibration, coverage
        self._bound = lru_cache(MAX_PATTERNS)(self._computed)

    def _computed(self, pattern: tuple[str, ...]) -> list[float]:
        with warnings.catch_warnings():
            # a pattern of few calibration samples; the answer shows it by the width
            warnings.simplefilter("ignore", CalibrationWarning)
            bounds: list[float] = self.calibration.bound(pattern, self.coverage).tolist()
        return bounds

    def of(self, sample: Sample, numbers: list[float]) -> list[list[float] | None]:
        """Return an interval [low, high] per number; None where too few calibration samples bound it."""
        bounds = self._bound(tuple(sorted(sample)))
        return [
            [number - bound, number + bound] if np.isfinite(bound) else None
            for number, bound in zip(numbers, bounds, strict=True)
        ]
