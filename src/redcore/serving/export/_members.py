"""Predictors of every exportable kind of method: a batch to outputs, as tensor operations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from redcore.data import TargetKind
from redcore.exceptions import ExportError
from redcore.methods.complete_case import CompleteCase
from redcore.methods.indicator_linear import IndicatorLinear
from redcore.methods.late_fusion import LateFusion
from redcore.methods.mean_fill import MeanFill
from redcore.nn import Objective
from redcore.serving.export._inputs import Given
from redcore.serving.export._linear import LinearByModality, LinearTable
from redcore.serving.export._preprocess import Preprocess
from redcore.training import EnsembleMethod, Evidence, Method, TabularMethod, TorchMethod

__all__ = ["predictor_of"]


def outputs_of(linear: Tensor, kind: TargetKind) -> Tensor:
    """Return probabilities, or for regression the numbers themselves."""
    if kind == "regression":
        return linear
    return linear.sigmoid() if kind == "multilabel" else linear.softmax(dim=-1)


class Network(nn.Module):
    """One trained network, maybe with stacked evidence."""

    mean: Tensor
    scale: Tensor

    def __init__(self, method: TorchMethod) -> None:
        super().__init__()
        self.names = list(method.active)
        self.preprocess = nn.ModuleList(Preprocess(method.preprocessor, name) for name in self.names)
        self.network = method.network
        objective = method.objective
        self.kind = objective.kind
        self.register_buffer("mean", torch.tensor(objective.mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(objective.scale, dtype=torch.float64))
        evidence: Evidence | None = getattr(method, "evidence", None)
        self.evidence = None if evidence is None else StackedEvidence(evidence)

    def forward(self, given: Given) -> Tensor:
        parts = zip(self.names, self.preprocess, strict=True)
        output: Any = self.network(given.batch({name: module(given.modalities[name].values) for name, module in parts}))
        logits: Tensor = output.logits.double()
        if self.evidence is not None:
            logits = self.evidence(given, logits, output.unimodal_logits.double())
        if self.kind == "regression":
            return logits * self.scale + self.mean
        return outputs_of(logits, self.kind)


class StackedEvidence(nn.Module):
    """What `Evidence.logits` returns, of the logits of the network; all double."""

    mean: Tensor
    scale: Tensor
    weights: Tensor

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        objective: Objective = evidence.objective
        self.kind, self.largest = objective.kind, evidence.largest_logit
        self.linear = LinearByModality(evidence.linear)
        self.register_buffer("mean", torch.tensor(objective.mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(objective.scale, dtype=torch.float64))
        self.register_buffer("weights", torch.tensor(evidence.stack.weights, dtype=torch.float64))

    def forward(self, given: Given, joint: Tensor, unimodal: Tensor) -> Tensor:
        linear, present = self.linear(given)
        if self.kind == "regression":
            linear = (linear - self.mean) / self.scale
        elif self.kind != "multilabel":
            joint, unimodal, linear = (values.log_softmax(dim=-1) for values in (joint, unimodal, linear))
        if self.kind != "regression":
            bounded = (values.clamp(-self.largest, self.largest) for values in (joint, unimodal, linear))
            joint, unimodal, linear = bounded
        total = (linear * present[..., None]).sum(dim=1)
        added = torch.zeros_like(total) if self.kind == "regression" else total
        sources = torch.stack([joint, self._mean(unimodal, present), self._mean(linear, present), added], dim=2)
        return sources @ self.weights

    def _mean(self, values: Tensor, present: Tensor) -> Tensor:
        counts = present.sum(dim=1, keepdim=True).clamp(min=1)
        if self.kind in ("regression", "multilabel"):
            return (values * present[..., None]).sum(dim=1) / counts
        total = (values.exp() * present[..., None]).sum(dim=1) / counts
        return total.clamp(min=torch.tensor(-self.largest).double().exp().item()).log()


class Ensemble(nn.Module):
    """The mean of several networks' outputs."""

    def __init__(self, method: EnsembleMethod) -> None:
        super().__init__()
        self.members = nn.ModuleList(Network(member) for member in method.members)

    def forward(self, given: Given) -> Tensor:
        return torch.stack([member(given) for member in self.members]).mean(dim=0)


class Averaged(nn.Module):
    """Late fusion: outputs of linear models, averaged over what is there."""

    def __init__(self, method: LateFusion) -> None:
        super().__init__()
        self.linear, self.kind = LinearByModality(method.linear), method.schema.target_kind

    def forward(self, given: Given) -> Tensor:
        linear, present = self.linear(given)
        outputs = outputs_of(linear, self.kind) * present[..., None]
        mean: Tensor = outputs.sum(dim=1) / present.sum(dim=1, keepdim=True).clamp(min=1)
        return mean


class OfTable(nn.Module):
    """A linear model on one table."""

    def __init__(self, method: TabularMethod, flags: bool = False) -> None:
        super().__init__()
        self.table, self.kind = LinearTable(method, flags), method.schema.target_kind

    def forward(self, given: Given) -> Tensor:
        return outputs_of(self.table(given), self.kind)


_PREDICTORS: dict[type[Method], Callable[..., nn.Module]] = {
    EnsembleMethod: Ensemble,
    TorchMethod: Network,
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
