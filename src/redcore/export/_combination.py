"""The best linear combination of predictions as tensor operations; see `redcore.linear.Combination`."""

import torch
from torch import Tensor, nn

from redcore.export._discriminant import inverse
from redcore.linear import Combination

__all__ = ["CombinedPredictions"]


class CombinedPredictions(nn.Module):
    """What `Combination.combine` returns, (n, n_outputs), double."""

    second: Tensor
    cross: Tensor

    def __init__(self, combination: Combination) -> None:
        super().__init__()
        self.register_buffer("second", torch.tensor(combination.second))
        self.register_buffer("cross", torch.tensor(combination.cross))

    def forward(self, predictions: Tensor, present: Tensor) -> Tensor:
        pairs = present[:, :, None] & present[:, None, :]
        unit = torch.eye(self.second.shape[-1], dtype=torch.float64)
        combined = []
        for second, cross, said in zip(self.second, self.cross, predictions.unbind(dim=2), strict=True):
            weights = (inverse(torch.where(pairs, second, unit)) @ (cross * present)[..., None]).squeeze(2)
            combined.append((weights * said).sum(dim=1))
        return torch.stack(combined, dim=1)
