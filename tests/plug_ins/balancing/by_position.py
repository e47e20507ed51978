"""Weights that grow with the position of the modality."""

import torch
from torch import Tensor

from redcore.balancing import BalancingRule, BalancingSpec


class ByPosition(BalancingRule):
    def update(self, losses: Tensor, observed: Tensor, step: int) -> Tensor:
        self.set_weights(torch.arange(1.0, len(losses) + 1))
        return self.supervision_weight


def build(n_modalities: int, spec: BalancingSpec) -> BalancingRule:
    return ByPosition(n_modalities)
