"""Multilayer perceptron for vectors, and for sequences averaged over time."""

from typing import cast

from torch import Tensor, nn

from redcore.nn._dropout import Dropout
from redcore.nn._pooling import masked_mean
from redcore.nn.encoders import EncoderSpec

__all__ = ["MLPEncoder", "build"]


class MLPEncoder(nn.Module):
    """`n_layers` layers of Linear, LayerNorm, GELU and Dropout, with residual connections from the second layer on.

    Parameters
    ----------
    n_features : int
    width : int
    n_layers : int
    dropout : float
    """

    def __init__(self, n_features: int, width: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        sizes = [n_features] + [width] * n_layers
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(size, width), nn.LayerNorm(width), nn.GELU(), Dropout(dropout))
            for size in sizes[:-1]
        )

    @property
    def single_layer(self) -> tuple[nn.Linear, nn.LayerNorm, float] | None:
        """Linear layer, norm and dropout rate, if there is one layer; see `redcore.nn.MergedEncoders`."""
        if len(self.layers) > 1:
            return None
        linear, norm, _, dropout = cast(tuple[nn.Linear, nn.LayerNorm, nn.GELU, Dropout], tuple(self.layers[0]))  # type: ignore[arg-type]
        return linear, norm, dropout.probability

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode (n, n_features) or (n, time, n_features) to (n, width)."""
        hidden = values if lengths is None else masked_mean(values, lengths)
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden) + hidden if index else layer(hidden)
        return hidden


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    return MLPEncoder(n_features, spec.width, spec.n_layers, spec.dropout)
