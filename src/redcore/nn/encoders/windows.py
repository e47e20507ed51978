"""Multilayer perceptron on statistics of a sequence over time and over windows of time."""

import torch
from torch import Tensor, nn

from redcore.nn._time_statistics import LONG_STEPS, WINDOWS, n_statistics, time_statistics
from redcore.nn.encoders import EncoderSpec, build_encoder

__all__ = ["WindowsEncoder", "build"]

INPUTS = ("sequences",)

SMALLEST_SCALE = 1e-3
"""Bound on the standard deviation that a statistic is divided by; statistics of a constant feature have none."""


class WindowsEncoder(nn.Module):
    """Encoder of the `time_statistics` of a sequence.

    The statistics are standardised with the mean and standard deviation of a sample of the training sequences. They
    keep the order of events only as far as windows resolve it, and need far fewer training samples than attention or
    convolutions over time steps do.

    Parameters
    ----------
    n_features : int
    n_windows : int
    encoder : nn.Module
        Encoder of the standardised statistics, (n, (4 + 2 * n_windows) * n_features), to (n, width).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_features: int, n_windows: int, encoder: nn.Module) -> None:
        super().__init__()
        self.n_windows, self.encoder = n_windows, encoder
        size = n_statistics(n_features, n_windows)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def initialize(self, values: Tensor, lengths: Tensor) -> None:
        """Set the statistics of the standardisation from training sequences (n, time, n_features)."""
        statistics = time_statistics(values, lengths, self.n_windows)
        scale, mean = torch.std_mean(statistics.double(), dim=0, correction=0)
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(scale < SMALLEST_SCALE, 1.0, scale))

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Encode (n, time, n_features) to (n, width)."""
        statistics = time_statistics(values, lengths, self.n_windows)
        encoded: Tensor = self.encoder((statistics - self.mean) / self.scale)
        return encoded


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality; sequences shorter than `LONG_STEPS` have no windows."""
    n_windows = WINDOWS if n_steps >= LONG_STEPS else 0
    encoder = build_encoder("mlp", n_statistics(n_features, n_windows), 0, spec)
    return WindowsEncoder(n_features, n_windows, encoder)
