"""Constant, equal supervision weights: the ablation without relative advantage."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Fixed", "build"]


class Fixed(BalancingRule):
    """Constant weights ``beta_m = 1 / sqrt(M)``, with the same L2 norm 1 as the relative-advantage rule."""

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.supervision_weight.copy_(torch.full((n_modalities,), n_modalities**-0.5))

    def update(self, signals: Signals) -> Tensor:
        """Return the constant weights."""
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule, which does not use any settings."""
    return Fixed(n_modalities)
