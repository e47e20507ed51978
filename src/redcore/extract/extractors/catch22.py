"""Sensor: the 22 canonical time-series characteristics of each channel, with mean and standard deviation."""

import numpy as np

from redcore._types import AnyArray
from redcore.extract._extractor import Features
from redcore.extract._sensors import SensorExtractor
from redcore.extract._source import Source

__all__ = ["EXTRACTOR"]


class Catch22(SensorExtractor):
    """catch22 (Lubba et al., 2019) with mean and standard deviation: 24 features per channel, or per window of it."""

    packages = ("pycatch22",)
    imports = ("pycatch22",)

    def extract(self, source: Source) -> Features:
        """Return the features of a recording, (24 * n_channels,), or of its windows, (n_windows, 24 * n_channels)."""
        series = self.read(source)
        rows = np.stack([_features(window) for window in self.windows(series)])
        names = tuple(f"{channel}_{name}" for channel in series.channels for name in _names())
        return Features(rows[0] if self.options.window is None else rows, names)


def _features(window: AnyArray) -> AnyArray:
    """Return the features of all channels of a window (window, n_channels)."""
    from pycatch22 import catch22_all

    values = np.concatenate([catch22_all(channel.tolist(), catch24=True)["values"] for channel in window.T])
    return np.where(np.isfinite(values), values, np.nan)


def _names() -> list[str]:
    from pycatch22 import catch22_all

    names: list[str] = catch22_all([0.0, 1.0, 0.0], catch24=True, short_names=True)["short_names"]
    return names


EXTRACTOR = Catch22
