"""Audio: logarithmic mel spectrogram, one vector per frame."""

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.exceptions import SettingsError
from redcore.extract._av import read_audio
from redcore.extract._extractor import Extractor, Features
from redcore.extract._source import Source

__all__ = ["EXTRACTOR", "LogMelOptions", "mel_filters"]

FLOOR = 1e-10
"""Smallest power of a mel band, before the logarithm."""
FRAMES_AT_ONCE = 4096


class LogMelOptions(Settings):
    """Options of the log-mel spectrogram.

    Attributes
    ----------
    n_mels : int in [1, 512], default 80
        Number of mel bands between 0 Hz and half of the sampling rate.
    window_ms : float in (0, 1000], default 25
        Length of a frame, weighted with a Hann window.
    step_ms : float in (0, 1000], default 10
        Distance between the beginnings of two frames.
    rate : int in [1000, 192000], default 16000
        Sampling rate in Hz to which recordings are converted.
    """

    n_mels: Annotated[int, Field(ge=1, le=512)] = 80
    window_ms: Annotated[float, Field(gt=0, le=1000)] = 25.0
    step_ms: Annotated[float, Field(gt=0, le=1000)] = 10.0
    rate: Annotated[int, Field(ge=1000, le=192_000)] = 16_000


class LogMel(Extractor):
    """Natural logarithm of the power in mel bands (HTK mel scale, triangular filters with peak 1)."""

    media = ("audio",)
    packages = ("av", "numpy")
    imports = ("av",)
    Options = LogMelOptions

    def __init__(self, medium: str, options: LogMelOptions) -> None:
        super().__init__(medium, options)
        self.window = round(options.window_ms * options.rate / 1000)
        self.step = round(options.step_ms * options.rate / 1000)
        if min(self.window, self.step) < 1:
            raise SettingsError(
                f"window_ms {options.window_ms:g} and step_ms {options.step_ms:g}: expected at least one sample at "
                f"{options.rate} Hz"
            )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the mel bands."""
        return tuple(f"mel_{band + 1}" for band in range(self.options.n_mels))

    @property
    def sampling_rate(self) -> float:
        """Sampling rate in Hz to which recordings are converted."""
        return float(self.options.rate)

    @property
    def alignment(self) -> str:
        """Relation of the features to time."""
        return f"one vector per {self.options.step_ms:g} ms, over {self.options.window_ms:g} ms"

    @cached_property
    def _filters(self) -> AnyArray:
        return mel_filters(self.options.n_mels, _fft_size(self.window), self.options.rate)

    def extract(self, source: Source) -> Features:
        """Return the spectrogram, float32 (n_frames, n_mels). A recording below one frame is padded with zeros."""
        samples = read_audio(source, self.options.rate)
        samples = np.pad(samples, (0, max(0, self.window - len(samples))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.step]
        # periodic window, as usual for spectra
        hann = np.hanning(self.window + 1)[:-1]
        parts = []
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            spectrum = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * hann, _fft_size(self.window))
            power = np.square(np.abs(spectrum)) @ self._filters
            parts.append(np.log(np.maximum(power, FLOOR)).astype(np.float32))
        return Features(np.concatenate(parts))


def _fft_size(window: int) -> int:
    """Return the smallest power of two of at least `window`."""
    return 1 << (window - 1).bit_length()


def mel_filters(n_mels: int, fft_size: int, rate: int) -> AnyArray:
    """Return triangular filters with peak 1 on the HTK mel scale, float64 (fft_size // 2 + 1, n_mels)."""
    frequencies = np.linspace(0.0, rate / 2, fft_size // 2 + 1)
    highest = 2595.0 * np.log10(1.0 + rate / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, highest, n_mels + 2) / 2595.0) - 1.0)
    rising = (frequencies[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


EXTRACTOR = LogMel
