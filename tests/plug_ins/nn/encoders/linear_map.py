"""Linear map of the last real time step."""

import torch
from torch import Tensor, nn

from redcore.nn.encoders import EncoderSpec


class LinearMap(nn.Linear):
    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        last = values if lengths is None else values[torch.arange(len(values)), lengths - 1]
        return super().forward(last)


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    return LinearMap(n_features, spec.width)
