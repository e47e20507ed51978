"""Strided convolutions over time for spectrograms and long signals."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.nn._dropout import Dropout
from redcore.nn._pooling import as_sequences, masked_max, masked_mean, step_mask
from redcore.nn.encoders import EncoderSpec

__all__ = ["StridedEncoder", "build"]

KERNEL = 7
STRIDE = 2
STEPS = 32
"""Length to which a sequence of median length is reduced."""
MAX_STAGES = 10


class StridedEncoder(nn.Module):
    """Convolutions that halve the number of time steps, and mean and max pooling over the remaining ones.

    The number of convolutions is such that a sequence of median length is reduced to about 32 steps. Its cost is linear
    in the number of steps.

    Parameters
    ----------
    n_features : int
    n_steps : int
        Median length of the training sequences.
    width : int
        Size of the output, and number of channels.
    dropout : float
        Dropout rate of the output.
    """

    def __init__(self, n_features: int, n_steps: int, width: int, dropout: float) -> None:
        super().__init__()
        n_stages = min(MAX_STAGES, max(1, (max(1, n_steps) // STEPS).bit_length()))
        sizes = [n_features] + [width] * n_stages
        self.convolutions = nn.ModuleList(nn.Conv1d(size, width, KERNEL, STRIDE) for size in sizes[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_stages))
        self.project = nn.Sequential(Dropout(dropout), nn.Linear(2 * width, width))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode (n, time, n_features), or (n, n_features) as one step, to (n, width)."""
        values, lengths = as_sequences(values, lengths)
        hidden = values
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            # zeros after the last step, so that the result does not depend on the padding of the batch
            hidden = hidden * step_mask(lengths, hidden.shape[1])[..., None]
            padded = functional.pad(hidden.transpose(1, 2), (KERNEL // 2, KERNEL // 2))
            hidden = norm(convolution(padded).transpose(1, 2)).relu()
            # the number of windows whose centre is a real step
            lengths = (lengths + STRIDE - 1) // STRIDE
        pooled = torch.cat([masked_mean(hidden, lengths), masked_max(hidden, lengths)], dim=1)
        output: Tensor = self.project(pooled)
        return output


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    return StridedEncoder(n_features, n_steps, spec.width, spec.dropout)
