"""Base class of the extractors of sensor recordings."""

from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.exceptions import DataError
from redcore.extract._extractor import Extractor
from redcore.extract._series import Fill, Series, read_series
from redcore.extract._source import Source

__all__ = ["SensorExtractor", "SensorOptions"]


def _names(value: object) -> object:
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


class SensorOptions(Settings):
    """Options of all extractors of sensors.

    Attributes
    ----------
    rate : float, optional
        Sampling rate of the recordings in Hz. It is recorded only; the recordings are not resampled.
    skip : tuple of str, default ("time", "timestamp")
        Columns that are no channels.
    fill : {"error", "linear"}, default "error"
        Treatment of missing cells of a recording: an error, or linear interpolation in time.
    window : int >= 1, optional
        Length of a window in time steps. Time steps after the last complete window are left out.
    step : int >= 1, optional
        Distance between the beginnings of two windows. Default: `window`, so that windows do not overlap.
    """

    rate: Annotated[float | None, Field(gt=0)] = None
    skip: Annotated[tuple[str, ...], BeforeValidator(_names)] = ("time", "timestamp")
    fill: Fill = "error"
    window: Annotated[int | None, Field(ge=1)] = None
    step: Annotated[int | None, Field(ge=1)] = None


class SensorExtractor(Extractor):
    """Base class of the extractors of sensors."""

    media = ("sensor",)
    Options = SensorOptions

    @property
    def sampling_rate(self) -> float | None:
        """Sampling rate of the recordings in Hz, if the options state it."""
        rate: float | None = self.options.rate
        return rate

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        if self.options.window is None:
            return "one vector per recording"
        step = self.options.step or self.options.window
        return f"one vector per {step} time steps, over {self.options.window} time steps"

    def read(self, source: Source) -> Series:
        """Return the channels of one recording."""
        return read_series(source, self.options.skip, self.options.fill)

    def windows(self, series: Series) -> AnyArray:
        """Return the windows of a series, (n_windows, window, n_channels); without a window, the series is one."""
        n_steps, size = len(series.values), self.options.window or len(series.values)
        if n_steps < size:
            raise DataError(f"has {n_steps} time steps, expected at least one window of {size}")
        views = np.lib.stride_tricks.sliding_window_view(series.values, size, axis=0)
        return views[:: self.options.step or size].swapaxes(1, 2)
