"""Statistics of sequences over time and over windows of time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from redcore.nn._pooling import step_mask

__all__ = ["LONG_STEPS", "WINDOWS", "n_statistics", "time_statistics"]

LONG_STEPS = 32
"""Median length of the training sequences from which their statistics include windows."""

WINDOWS = 8
"""Number of windows of such sequences."""

LAGS = (1, 2, 4, 8, 16, 32)
"""Lags of autocorrelations, in steps."""


def n_statistics(n_features: int, n_windows: int = 0) -> int:
    """Return the number of `time_statistics` of a sequence."""
    return (4 + 2 * n_windows + (len(LAGS) if n_windows else 0)) * n_features


def time_statistics(values: Tensor, lengths: Tensor, n_windows: int = 0) -> Tensor:
    """Return statistics of sequences over time, (n, n_statistics), float32, in blocks with one entry per feature.

    They are the mean, standard deviation, minimum and maximum, and with windows also the autocorrelation at each of
    `LAGS`, and the mean and standard deviation in each of `n_windows` windows of equal length. Autocorrelations
    describe the frequencies of a signal, windows its course.

    Parameters
    ----------
    values : tensor (n, time, n_features)
        Zero-padded sequences.
    lengths : int64 tensor (n,)
        Number of real steps, at least 1.
    n_windows : int, default 0
    """
    real = step_mask(lengths, values.shape[1])[..., None]
    wide, counts = values.double(), lengths[:, None].double()
    mean = wide.sum(dim=1) / counts
    deviation = (wide - mean[:, None]) * real
    spread = (deviation.square().sum(dim=1) / counts).sqrt()
    # padding is replaced by the first step; extremes are faster over the last dimension
    filled = torch.where(real, values, values[:, :1]).transpose(1, 2).contiguous()
    blocks = [mean.float(), spread.float(), filled.amin(dim=2), filled.amax(dim=2)]
    if n_windows:
        blocks += [*_autocorrelations(deviation), *_windowed(deviation, mean, lengths, n_windows)]
    return torch.cat(blocks, dim=1)


def _autocorrelations(deviation: Tensor) -> Iterator[Tensor]:
    """Yield the autocorrelation at each of `LAGS`, from the deviations from the mean; 0 for constant sequences."""
    variance = deviation.square().sum(dim=1)
    is_constant = variance <= 0
    for lag in LAGS:
        covariance = (deviation[:, lag:] * deviation[:, :-lag]).sum(dim=1)
        yield torch.where(is_constant, 0.0, covariance / torch.where(is_constant, 1.0, variance)).float()


def _windowed(deviation: Tensor, mean: Tensor, lengths: Tensor, n_windows: int) -> Iterator[Tensor]:
    """Yield mean and standard deviation of each window, from the deviations from the mean over all steps.

    Windows overlap by a step if the length is not divisible by their number, so that none of them is empty.
    """
    start = torch.zeros_like(deviation[:, :1])
    sums = torch.cat([start, deviation.cumsum(dim=1)], dim=1)
    squares = torch.cat([start, deviation.square().cumsum(dim=1)], dim=1)
    for window in range(n_windows):
        first = window * lengths // n_windows
        last = ((window + 1) * lengths + n_windows - 1) // n_windows
        size = (last - first)[:, None].double()
        shift = (_at(sums, last) - _at(sums, first)) / size
        variance = (_at(squares, last) - _at(squares, first)) / size - shift.square()
        yield (mean + shift).float()
        yield variance.clamp(min=0.0).sqrt().float()


def _at(steps: Tensor, index: Tensor) -> Tensor:
    """Return the step `index` (n,) of each sequence (n, time, n_features), (n, n_features)."""
    return steps.gather(1, index[:, None, None].expand(-1, 1, steps.shape[2]))[:, 0]
