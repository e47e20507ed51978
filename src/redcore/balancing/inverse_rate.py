"""More supervision for the modality that is observed less: one over the observed share, whatever its losses."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["InverseRate", "build"]


class InverseRate(BalancingRule):
    """``beta_m`` is proportional to ``1 / (1 - r_m)``, with the L2 norm 1.

    The missing rate r_m is that of all batches so far. A modality that no batch has shown yet counts as observed in one
    sample of all of them. The heuristic that the relative-advantage rule is compared with: no loss is read.

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
        """Count, and set the weights by the shares so far."""
        self.total.add_(signals.observed)
        self.n_batches.add_(1)
        share = (self.total / self.n_batches).clamp(min=1 / 4096)
        self.set_weights((1 / share).float())
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule; it has no constants."""
    return InverseRate(n_modalities)
