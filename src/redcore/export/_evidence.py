"""Stacked evidence as tensor operations; see `redcore.stacking.StackedPredictor`."""

import math

import torch
from torch import Tensor, nn

from redcore.export._combination import CombinedPredictions
from redcore.export._discriminant import DiscriminantEvidence
from redcore.export._inputs import Given
from redcore.export._linear import LinearByModality, Vectors
from redcore.stacking import StackedPredictor

__all__ = ["StackedEvidence"]


class StackedEvidence(nn.Module):
    """What `StackedPredictor.logits` returns, of the logits of the networks; all double."""

    mean: Tensor
    scale: Tensor
    base: Tensor
    weights: Tensor

    def __init__(self, evidence: StackedPredictor) -> None:
        super().__init__()
        self.kind, self.largest = evidence.objective.kind, evidence.largest_logit
        self.vectors = Vectors(evidence.linear.preprocessor)
        self.linear = LinearByModality(evidence.linear)
        names = list(evidence.linear.preprocessor.kinds)
        self.discriminant = (
            None if evidence.discriminant is None else DiscriminantEvidence(evidence.discriminant, names)
        )
        self.combination = None if evidence.combination is None else CombinedPredictions(evidence.combination)
        numbers = {
            "mean": evidence.objective.mean,
            "scale": evidence.objective.scale,
            "base": evidence.base,
            "weights": evidence.weighting.weights,
        }
        for name, values in numbers.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64))

    def forward(self, given: Given, joint: Tensor, unimodal: Tensor) -> Tensor:
        """Return combined logits (n, n_outputs), of those of the joint head and of the unimodal heads (n, M, k)."""
        vectors = self.vectors(given)
        linear, present = self.linear(vectors, given.availability)
        if self.discriminant is None:
            linear = (linear - self.mean) / self.scale
            nothing = torch.zeros_like(joint)
            sums = [nothing if self.combination is None else self.combination(linear, present), nothing]
        else:
            if not self.kind.is_multilabel:
                joint, unimodal, linear = (values.log_softmax(dim=-1) for values in (joint, unimodal, linear))
            joint, unimodal, linear = (
                values.clamp(-self.largest, self.largest) for values in (joint, unimodal, linear)
            )
            added = ((linear - self.base) * present[..., None]).sum(dim=1)
            sums = [self._normalised(added), self._normalised(self.discriminant(vectors, given.availability))]
        sources = [joint, self._mean(unimodal, present), self._mean(linear, present), *sums]
        return torch.stack(sources, dim=2) @ self.weights

    def _mean(self, values: Tensor, present: Tensor) -> Tensor:
        counts = present.sum(dim=1, keepdim=True).clamp(min=1)
        if not self.kind.is_classification:
            return (values * present[..., None]).sum(dim=1) / counts
        total = (values.exp() * present[..., None]).sum(dim=1) / counts
        return total.clamp(min=math.exp(-self.largest)).log()

    def _normalised(self, evidence: Tensor) -> Tensor:
        total = evidence + self.base
        if not self.kind.is_multilabel:
            total = total.log_softmax(dim=1)
        return total.clamp(-self.largest, self.largest)
