"""Supervision weights inversely proportional to the share of samples that observe the modality."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["InverseRate", "build"]


class InverseRate(BalancingRule):
    """Weights proportional to ``1 / (1 - r_m)``, with the L2 norm 1, where ``r_m`` is the missing rate of modality m.

    The missing rate is estimated from all batches so far, and ``1 - r_m`` is at least 1/4096. The rule does not use
    losses. It is the heuristic baseline for the relative-advantage rule.

    Parameters
    ----------
    n_modalities : int
    """

    total: Tensor
    n_batches: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("total", torch.zeros(n_modalities, dtype=torch.float64))
        self.register_buffer("n_batches", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Update the observed shares and the weights, and return the weights."""
        self.total.add_(signals.observed)
        self.n_batches.add_(1)
        share = (self.total / self.n_batches).clamp(min=1 / 4096)
        self.set_weights((1 / share).float())
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule, which does not use any settings."""
    return InverseRate(n_modalities)
