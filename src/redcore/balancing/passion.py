"""Relative advantage of PASSION: updated once per epoch, with weights of L2 norm sqrt(M) (Shi et al. 2024)."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Passion", "build"]


class Passion(BalancingRule):
    """One projected update of the supervision weights per epoch, by the mean losses of the epoch.

    Shi et al., PASSION: towards effective incomplete multi-modal medical image segmentation with imbalanced missing
    rates (2024), arXiv 2407.14796. Its preference-aware regularisation balances the modalities once per epoch:

        ``RA_m = (mean_k lbar_k - lbar_m) / mean_k lbar_k``, where lbar is the mean loss over the epoch,
        ``beta <- beta - eta RA``, bounded below by `weight_floor`, and scaled to the L2 norm ``sqrt(M)``.

    Weights are initialised to 1, so that their mean square is always 1. The other part of PASSION, distillation
    between segmentation maps, is not implemented.

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
        """Accumulate the losses, update the weights at the end of an epoch, and return them."""
        observed = signals.observed > 0
        self.total.add_(torch.where(observed, signals.losses, torch.zeros_like(signals.losses)))
        self.n_batches.add_(observed)
        if signals.ends_epoch:
            self._update_weights()
        return self.supervision_weight

    def _update_weights(self) -> None:
        observed = self.n_batches > 0
        means = torch.where(observed, self.total / self.n_batches.clamp(min=1), 0.0)
        overall = means.sum() / observed.sum().clamp(min=1)
        advantage = torch.where(observed, (overall - means) / overall.clamp(min=torch.finfo(overall.dtype).tiny), 0.0)
        self.running_loss.copy_(means)
        self.relative_advantage.copy_(advantage)
        moved = self.supervision_weight - self.settings.weight_step * self.relative_advantage
        self.set_weights(moved.clamp(min=self.settings.weight_floor), norm=len(moved) ** 0.5)
        self.total.zero_()
        self.n_batches.zero_()


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return Passion(n_modalities, settings)
