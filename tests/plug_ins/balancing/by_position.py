"""Weights that grow with the position of the modality."""

import torch
from torch import Tensor

from redcore.balancing import BalancingRule, BalancingSettings, Signals


class ByPosition(BalancingRule):
    def update(self, signals: Signals) -> Tensor:
        self.set_weights(torch.arange(1.0, len(signals.losses) + 1))
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    return ByPosition(n_modalities)
