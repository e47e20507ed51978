"""Linear layers of all modalities computed in one operation."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["StackedLinear"]


class StackedLinear(nn.Module):
    """Several linear layers computed in one batched operation, initialised as `torch.nn.Linear`.

    Parameters
    ----------
    n_maps, in_features, out_features : int

    Attributes
    ----------
    weight : parameter (n_maps, out_features, in_features)
    bias : parameter (n_maps, out_features)

    Examples
    --------
    >>> StackedLinear(3, 4, 5)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 5])
    """

    def __init__(self, n_maps: int, in_features: int, out_features: int) -> None:
        super().__init__()
        bound = in_features**-0.5
        self.weight = nn.Parameter(torch.empty(n_maps, out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_maps, out_features).uniform_(-bound, bound))

    def forward(self, values: Tensor, n_outputs: int | None = None) -> Tensor:
        """Map (n, n_maps, in_features) to (n, n_maps, out_features), stored in memory as (n_maps, n, out_features).

        With `n_outputs`, only the first outputs of each map are computed, (n, n_maps, n_outputs).
        """
        return self.by_map(values.transpose(0, 1), n_outputs).transpose(0, 1)

    def by_map(self, values: Tensor, n_outputs: int | None = None) -> Tensor:
        """Do the same with the maps as the first axis: (n_maps, n, in_features) to (n_maps, n, out_features)."""
        weight, bias = self.weight[:, :n_outputs], self.bias[:, None, :n_outputs]
        return torch.baddbmm(bias, values, weight.transpose(1, 2))

    def one(self, index: int, values: Tensor) -> Tensor:
        """Apply the linear layer `index`: (n, in_features) to (n, out_features)."""
        return functional.linear(values, self.weight[index], self.bias[index])
