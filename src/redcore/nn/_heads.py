"""Heads: representation to logits."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

__all__ = ["Head"]


class Head(nn.Module):
    """``Linear, ReLU, Dropout`` per hidden layer, then a linear layer.

    Parameters
    ----------
    in_features, n_outputs : int
    hidden : sequence of int
        Hidden sizes; empty for a linear head.
    dropout : float
    """

    def __init__(self, in_features: int, n_outputs: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        sizes = [in_features, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU(), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(sizes[-1], n_outputs)

    def forward(self, representation: Tensor) -> Tensor:
        """Map (n, in_features) to logits (n, n_outputs)."""
        logits: Tensor = self.output(self.hidden(representation))
        return logits
