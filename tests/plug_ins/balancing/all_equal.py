"""Equal weights."""

import torch
from torch import Tensor

from redcore.balancing import BalancingRule, BalancingSettings, Signals


class AllEqual(BalancingRule):
    def update(self, signals: Signals) -> Tensor:
        self.set_weights(torch.ones(len(signals.losses)))
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    return AllEqual(n_modalities)
