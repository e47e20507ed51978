"""Relative advantage as PASSION has it: of whole epochs, with weights of the norm sqrt(M) (Shi et al. 2024)."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Passion", "build"]


class Passion(BalancingRule):
    """One projected step on the supervision weights per epoch, by the mean losses of the epoch.

    After Shi et al., PASSION: towards effective incomplete multi-modal medical image segmentation with imbalanced
    missing rates (2024), arXiv 2407.14796, whose preference-aware regularisation balances modalities once per epoch:

        ``RA_m = (mean_k lbar_k - lbar_m) / mean_k lbar_k`` with lbar the mean loss over the epoch,
        ``beta <- beta - eta RA``, floored, scaled to the L2 norm ``sqrt(M)``.

    Weights start at 1, and so their mean square stays 1. Of PASSION only this rule is taken: its distillation between
    segmentation maps has no counterpart here.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    total: Tensor
    n_batches: Tensor

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.register_buffer("total", torch.zeros(n_modalities, dtype=torch.float64))
        self.register_buffer("n_batches", torch.zeros(n_modalities, dtype=torch.float64))

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Add up, and step on the weights at the end of an epoch."""
        shown = signals.observed > 0
        self.total.add_(torch.where(shown, signals.losses, torch.zeros_like(signals.losses)))
        self.n_batches.add_(shown)
        if signals.ends_epoch:
            self._step()
        return self.supervision_weight

    def _step(self) -> None:
        seen = self.n_batches > 0
        means = torch.where(seen, self.total / self.n_batches.clamp(min=1), 0.0)
        overall = means.sum() / seen.sum().clamp(min=1)
        advantage = torch.where(seen, (overall - means) / overall.clamp(min=torch.finfo(overall.dtype).tiny), 0.0)
        self.running_loss.copy_(means)
        self.relative_advantage.copy_(advantage)
        moved = self.supervision_weight - self.settings.weight_step * self.relative_advantage
        self.set_weights(moved.clamp(min=self.settings.weight_floor), norm=len(moved) ** 0.5)
        self.total.zero_()
        self.n_batches.zero_()


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return Passion(n_modalities, settings)
