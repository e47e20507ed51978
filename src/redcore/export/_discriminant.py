"""A discriminant of all modalities as tensor operations; see `redcore.linear.Discriminant`."""

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.export._linear import linear_layer
from redcore.linear import Density, Discriminant

__all__ = ["DiscriminantEvidence"]


class DiscriminantEvidence(nn.Module):
    """What `Discriminant.evidence` returns, (n, n_outputs), double."""

    columns: Tensor
    class_readings: Tensor
    precisions: Tensor

    def __init__(self, discriminant: Discriminant, names: list[str]) -> None:
        super().__init__()
        densities = discriminant.densities
        self.names = [name for name in names if name in densities]
        self.register_buffer("columns", torch.tensor([names.index(name) for name in self.names]))
        self.n_outputs = len(densities[self.names[0]].intercepts)
        self.register_buffer("class_readings", _stacked([densities[name].class_readings for name in self.names]))
        self.register_buffer("precisions", _stacked([densities[name].precision for name in self.names]))
        self.layers = nn.ModuleList(_layer(densities[name]) for name in self.names)

    def forward(self, vectors: dict[str, Tensor], availability: Tensor) -> Tensor:
        present = availability[:, self.columns].double()
        said = [layer(vectors[name]) for name, layer in zip(self.names, self.layers, strict=True)]
        summed = (torch.stack(said, dim=1) * present[..., None]).sum(dim=1)
        evidence, pull = summed[:, : self.n_outputs], summed[:, self.n_outputs :]
        n_factors = self.precisions.shape[-1]
        if n_factors == 0:
            return evidence
        precision = torch.eye(n_factors, dtype=torch.float64) + torch.einsum("nm,mij->nij", present, self.precisions)
        covariance = inverse(precision)
        classes = torch.einsum("nm,mkq->nkq", present, self.class_readings)
        known = classes @ covariance
        return evidence + 0.5 * (known * classes).sum(dim=2) - (known @ pull[..., None]).squeeze(2)


def inverse(matrices: Tensor) -> Tensor:
    """Invert symmetric positive definite matrices (n, q, q) by sweeps (Goodnight 1979): ONNX has no operator for it."""
    size = matrices.shape[-1]
    unit = torch.eye(size, dtype=matrices.dtype)
    for index in range(size):
        column = matrices[:, :, index : index + 1]
        pivot = matrices[:, index : index + 1, index : index + 1]
        shifted = column - unit[:, index : index + 1]
        swept = matrices - shifted * shifted.transpose(1, 2) / pivot
        matrices = swept - 2 * unit[:, index : index + 1] * unit[index]
    return -matrices


def _layer(density: Density) -> nn.Linear:
    """Evidence and readings of one modality."""
    weights = np.concatenate([density.coefficients, density.readings], axis=1)
    return linear_layer(weights, np.concatenate([density.intercepts, density.offsets]))


def _stacked(arrays: list[AnyArray]) -> Tensor:
    return torch.tensor(np.stack(arrays))
