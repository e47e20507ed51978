"""Weights inverse to the imputation losses: precisions of a Gaussian likelihood with one variance per modality."""

import torch
from torch import Tensor

from redcore.balancing._rule import AveragingRule, BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["InverseVariance", "build"]

SMALLEST = 1e-6
"""Lower bound on a loss, as a share of the largest loss."""


class InverseVariance(AveragingRule):
    """Weights proportional to ``1 / lbar_m``, where lbar is the average of the imputation loss over batches.

    The negative log-likelihood of Gaussian codes, ``l_m / (2 s_m^2) + d / 2 log s_m^2`` for d dimensions, has its
    minimum over the variance at ``s_m^2 = l_m / d``, where its gradient is ``d / 2 grad l_m / l_m``. The imputation
    loss with weights ``1 / l_m`` therefore has the gradient of ``sum_m log l_m``, up to a common factor. It does not
    depend on the scale of the codes: every modality contributes equally, whatever its unit. Weights are divided by
    their mean, bounded below by `weight_floor`, and normalised like those of all rules. They settle because the
    averages of the losses have a growing window and the weights are bounded.

    The rule "uncertainty" approaches the same weights by gradient steps on log-variances, and does not average them.

    `relative_advantage` is ``(mean_k lbar_k - lbar_m) / mean_k lbar_k``.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Update the averages and the weights, and return the weights."""
        self.average((signals.observed > 0) & torch.isfinite(signals.losses), running_loss=signals.losses)
        self.set_relative_advantage(self.n_batches > 0)
        largest = self.running_loss.max()
        if largest > 0:
            relative = (self.running_loss / largest).clamp(min=SMALLEST)
            self.set_proportional(1 / relative, self.settings.weight_floor)
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return InverseVariance(n_modalities, settings)
