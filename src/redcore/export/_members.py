"""Predictors of every exportable kind of method: a batch to outputs, as tensor operations."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from redcore.data import TargetKind
from redcore.exceptions import ExportError
from redcore.export._evidence import StackedEvidence
from redcore.export._inputs import Given
from redcore.export._linear import LinearByModality, LinearTable, Vectors
from redcore.methods import Method, NetworkMethod, TableMethod
from redcore.methods.complete_case import CompleteCase
from redcore.methods.indicator_linear import IndicatorLinear
from redcore.methods.late_fusion import LateFusion
from redcore.methods.mean_fill import MeanFill
from redcore.stacking import StackedPredictor

__all__ = ["predictor_of"]


def outputs_of(linear: Tensor, kind: TargetKind) -> Tensor:
    """Return probabilities, or for regression the numbers themselves."""
    if kind.is_regression:
        return linear
    return linear.sigmoid() if kind.is_multilabel else linear.softmax(dim=-1)


class Networks(nn.Module):
    """One network or an ensemble, maybe with stacked evidence."""

    mean: Tensor
    scale: Tensor

    def __init__(self, method: NetworkMethod) -> None:
        super().__init__()
        self.names = list(method.active)
        self.preprocessor = method.preprocessor
        self.networks = nn.ModuleList(method.networks)
        objective = method.objective
        self.kind = objective.kind
        self.register_buffer("mean", torch.tensor(objective.mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(objective.scale, dtype=torch.float64))
        evidence: StackedPredictor | None = getattr(method, "stack", None)
        self.evidence = None if evidence is None else StackedEvidence(evidence)

    def forward(self, given: Given) -> Tensor:
        batch = self.preprocessor(given.batch())
        outputs: list[Any] = [network(batch) for network in self.networks]
        joint = torch.stack([output.logits.double() for output in outputs])
        if self.evidence is None:
            return self._outputs(joint).mean(dim=0)
        return self._outputs(self.evidence(given, self._average(joint), self._unimodal(outputs, joint[0])))

    def _unimodal(self, outputs: list[Any], joint: Tensor) -> Tensor:
        """Return the average logits of the unimodal heads, (n, M, n_outputs); zeros if the network has none."""
        if getattr(outputs[0], "unimodal_logits", None) is None:
            return joint[:, None].expand(-1, len(self.names), -1) * 0.0
        return self._average(torch.stack([output.unimodal_logits.double() for output in outputs]))

    def _average(self, logits: Tensor) -> Tensor:
        """Average the logits of several networks: probabilities of classes, as logarithms, else the logits."""
        if not self.kind.is_classification:
            return logits.mean(dim=0)
        return logits.log_softmax(dim=-1).logsumexp(dim=0) - math.log(len(self.networks))

    def _outputs(self, logits: Tensor) -> Tensor:
        return logits * self.scale + self.mean if self.kind.is_regression else outputs_of(logits, self.kind)


class Averaged(nn.Module):
    """Late fusion: outputs of linear models, averaged over what is there."""

    def __init__(self, method: LateFusion) -> None:
        super().__init__()
        self.vectors, self.linear = Vectors(method.linear.preprocessor), LinearByModality(method.linear)
        self.kind = method.schema.target_kind

    def forward(self, given: Given) -> Tensor:
        linear, present = self.linear(self.vectors(given), given.availability)
        outputs = outputs_of(linear, self.kind) * present[..., None]
        mean: Tensor = outputs.sum(dim=1) / present.sum(dim=1, keepdim=True).clamp(min=1)
        return mean


class OfTable(nn.Module):
    """A linear model on one table."""

    def __init__(self, method: TableMethod, flags: bool = False) -> None:
        super().__init__()
        self.table, self.kind = LinearTable(method, flags), method.schema.target_kind

    def forward(self, given: Given) -> Tensor:
        return outputs_of(self.table(given), self.kind)


_PREDICTORS: dict[type[Method], Callable[..., nn.Module]] = {
    NetworkMethod: Networks,
    LateFusion: Averaged,
    MeanFill: OfTable,
    CompleteCase: OfTable,
    IndicatorLinear: lambda method: OfTable(method, flags=True),
}
"""By kind of method; the first that fits."""


def predictor_of(method: Method) -> nn.Module:
    """Return the predictor of a fitted method, called with `Given`.

    Raises
    ------
    ExportError
        If there is none for this kind of method.
    """
    for kind, build in _PREDICTORS.items():
        if isinstance(method, kind):
            return build(method)
    name = type(method).__module__.rpartition(".")[2]
    raise ExportError(f"method {name!r} cannot be exported: it is neither a network nor a linear model")
