"""Convolutions of several widths over time with max pooling over the real time steps (Kim 2014, arXiv 1408.5882)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.nn._pooling import as_sequences, masked_max, step_mask
from redcore.nn.encoders import EncoderSpec

__all__ = ["TextCNNEncoder", "build"]

KERNEL_SIZES = (3, 4, 5)
"""Filter widths in time steps."""


class TextCNNEncoder(nn.Module):
    """Convolutions with 3, 4 and 5 time steps, ReLU, max pooling over time, and a linear layer to `width`.

    Parameters
    ----------
    n_features : int
    width : int
        Size of the output, and number of filters per filter width.
    dropout : float
    """

    def __init__(self, n_features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(n_features, width, size) for size in KERNEL_SIZES)
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(KERNEL_SIZES) * width, width))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode (n, time, n_features), or (n, n_features) as one step, to (n, width)."""
        values, lengths = as_sequences(values, lengths)
        values = values * step_mask(lengths, values.shape[1])[..., None]
        pooled = []
        for size, convolution in zip(KERNEL_SIZES, self.convolutions, strict=True):
            # zero padding at the end gives filters a position on sequences that are shorter than the filter
            hidden = convolution(functional.pad(values.transpose(1, 2), (0, size - 1)))
            pooled.append(masked_max(hidden.relu().transpose(1, 2), lengths))
        output: Tensor = self.project(torch.cat(pooled, dim=1))
        return output


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    return TextCNNEncoder(n_features, spec.width, spec.dropout)
