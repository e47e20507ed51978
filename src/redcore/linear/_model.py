"""A fitted linear map as a torch module."""

import torch
from torch import Tensor, nn

from redcore._types import AnyArray

__all__ = ["LinearModel"]


class LinearModel(nn.Module):
    """``x @ coefficients + intercepts`` in double precision.

    Parameters
    ----------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
    """

    coefficients: Tensor
    intercepts: Tensor

    def __init__(self, coefficients: AnyArray, intercepts: AnyArray) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.tensor(coefficients, dtype=torch.float64))
        self.register_buffer("intercepts", torch.tensor(intercepts, dtype=torch.float64))

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.intercepts)

    def forward(self, values: Tensor) -> Tensor:
        """Map (n, n_features) of any precision to (n, n_outputs), double."""
        return torch.addmm(self.intercepts, values.double(), self.coefficients)
