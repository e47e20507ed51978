"""Linear models of single modalities, and of one table of all of them."""

import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.export._inputs import Given
from redcore.linear import UnimodalLinear
from redcore.methods import TableMethod
from redcore.preprocessing import Preprocessor, summarize

__all__ = ["LinearByModality", "LinearTable", "Vectors", "linear_layer"]


class Vectors(nn.Module):
    """Vectors of every modality, preprocessed, double; of sequences their statistics over time."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        super().__init__()
        self.preprocessor = preprocessor

    def forward(self, given: Given) -> dict[str, Tensor]:
        vectors = self.preprocessor(summarize(given.batch()))
        return {name: part.values.double() for name, part in zip(given.modalities, vectors.modalities, strict=True)}


class LinearByModality(nn.Module):
    """What `UnimodalLinear.predict_prepared` returns of vectors: (n, M, n_outputs), double, and where, (n, M)."""

    fitted: Tensor

    def __init__(self, linear: UnimodalLinear) -> None:
        super().__init__()
        self.n_outputs = len(next(iter(linear.intercepts.values())))
        names = list(linear.preprocessor.kinds)
        self.register_buffer("fitted", torch.tensor([name in linear.coefficients for name in names]))
        self.models = nn.ModuleDict(
            {
                str(index): linear_layer(linear.coefficients[name], linear.intercepts[name])
                for index, name in enumerate(names)
                if name in linear.coefficients
            }
        )

    def forward(self, vectors: dict[str, Tensor], availability: Tensor) -> tuple[Tensor, Tensor]:
        columns = []
        for index, values in enumerate(vectors.values()):
            fitted = str(index) in self.models
            columns.append(
                self.models[str(index)](values) if fitted else values.new_zeros((values.shape[0], self.n_outputs))
            )
        present = availability & self.fitted
        return torch.stack(columns, dim=1) * present[..., None], present


class LinearTable(nn.Module):
    """A linear model on the features of all modalities side by side, zeros for missing ones, maybe with flags."""

    def __init__(self, method: TableMethod, flags: bool) -> None:
        super().__init__()
        self.vectors = Vectors(method.preprocessor)
        self.flags = flags
        arrays = method.table_arrays
        self.linear = linear_layer(arrays["coefficients"], arrays["intercepts"])

    def forward(self, given: Given) -> Tensor:
        blocks = [
            torch.where(given.modalities[name].there[:, None], values, 0.0)
            for name, values in self.vectors(given).items()
        ]
        if self.flags:
            blocks.append((~given.availability).double())
        linear: Tensor = self.linear(torch.cat(blocks, dim=1))
        return linear


def linear_layer(coefficients: AnyArray, intercepts: AnyArray) -> nn.Linear:
    """Return a layer, double, of coefficients (n_features, n_outputs) and intercepts (n_outputs,)."""
    n_features, n_outputs = coefficients.shape
    layer = nn.Linear(n_features, n_outputs, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(coefficients.T))
        layer.bias.copy_(torch.tensor(intercepts))
    return layer
