"""Sensor: raw values of each time step, or of windows of time steps."""

import numpy as np

from redcore.extract._extractor import Features
from redcore.extract._sensors import SensorExtractor
from redcore.extract._source import Source

__all__ = ["EXTRACTOR"]


class Windows(SensorExtractor):
    """Raw values: a sequence of time steps; with `window`, a sequence of windows with their values in one vector."""

    packages = ("numpy",)

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        return "one vector per time step" if self.options.window is None else super().alignment

    def extract(self, source: Source) -> Features:
        """Return (n_steps, n_channels) or (n_windows, window * n_channels), with the channels of a step together."""
        series = self.read(source)
        if self.options.window is None:
            return Features(series.values, series.channels)
        windows = np.ascontiguousarray(self.windows(series))
        names = tuple(f"{channel}_{step + 1}" for step in range(self.options.window) for channel in series.channels)
        return Features(windows.reshape(len(windows), -1), names)


EXTRACTOR = Windows
