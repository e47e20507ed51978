"""Homoscedastic uncertainty (Kendall et al. 2018): the larger an imputation loss, the smaller its weight."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Uncertainty", "build"]

LARGEST = 20.0
"""Bound on the absolute value of log-variances."""


class Uncertainty(BalancingRule):
    """Weights ``beta_m = exp(-s_m)``, where ``s_m`` minimises the loss ``sum_m exp(-s_m) l_m + s_m``.

    Kendall, Gal, Cipolla (2018), arXiv 1705.07115. ``s_m`` is the log-variance of the noise of task m. In contrast to
    relative advantage, a modality with a large imputation loss is considered noisy and receives a smaller weight.

    Differences from the paper: ``s_m`` is updated by gradient descent with the learning rate `weight_step` and not by
    the optimiser of the network; weights are scaled to the L2 norm 1, so that `imputation_weight` has the same meaning
    for all rules; running losses are divided by their mean, so that the learning rate does not depend on their unit.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    log_variance: Tensor

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.register_buffer("log_variance", torch.zeros(n_modalities))

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Take one gradient step on the log-variances of the observed modalities, and return the weights."""
        self.smooth(signals, self.settings.smoothing)
        mean = self.running_loss.mean().clamp(min=torch.finfo(signals.losses.dtype).tiny)
        slope = 1 - (-self.log_variance).exp() * self.running_loss / mean
        # limits the change of a weight in one step to a factor of e
        moved = self.log_variance - (self.settings.weight_step * slope).clamp(-1, 1)
        moved = torch.where(signals.observed > 0, moved, self.log_variance).clamp(-LARGEST, LARGEST)
        self.log_variance.copy_(moved)
        self.set_weights((-moved).exp())
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return Uncertainty(n_modalities, settings)
