"""Prediction heads, which map representations to logits."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from redcore.nn._dropout import Dropout
from redcore.nn._stacked import StackedLinear

__all__ = ["Head", "StackedHead"]


class Head(nn.Module):
    """Multilayer perceptron: ``Linear, ReLU, Dropout`` per hidden layer, then a linear layer.

    Parameters
    ----------
    in_features, n_outputs : int
    hidden : sequence of int
        Hidden sizes; empty for a linear head.
    dropout : float
    linear : callable
        Factory of linear layers, called with the input and the output size.
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: int,
        hidden: Sequence[int],
        dropout: float,
        linear: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        sizes = [in_features, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [linear(fan_in, fan_out), nn.ReLU(), Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.output = linear(sizes[-1], n_outputs)

    def forward(self, representation: Tensor) -> Tensor:
        """Map (n, in_features) to logits (n, n_outputs)."""
        logits: Tensor = self.output(self.hidden(representation))
        return logits


class StackedHead(Head):
    """Several heads computed in one operation: (n, n_heads, in_features) to (n, n_heads, n_outputs).

    Parameters
    ----------
    n_heads : int
    in_features, n_outputs, hidden, dropout
        As in `Head`.
    """

    def __init__(self, n_heads: int, in_features: int, n_outputs: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__(in_features, n_outputs, hidden, dropout, partial(StackedLinear, n_heads))
