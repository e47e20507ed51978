"""Homoscedastic uncertainty: less supervision where the imputation loss stays large (Kendall et al. 2018)."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Uncertainty", "build"]

LARGEST = 20.0


class Uncertainty(BalancingRule):
    """Gradient steps on ``s_m`` for the loss ``sum_m exp(-s_m) l_m + s_m``; ``beta_m = exp(-s_m)``, with the L2 norm 1.

    Kendall, Gal, Cipolla (2018), arXiv 1705.07115: s_m is the log-variance of the noise of task m. Their weights are
    learnt with the network's optimiser; here by plain gradient descent with the rate `weight_step`, and normalised, so
    that `imputation_weight` means the same under every rule. Losses enter relative to the mean of the running ones:
    otherwise their unit would decide the rate. It does the opposite of relative advantage: a modality that is imputed
    badly counts as noisy.

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
        """Do one gradient step on the log-variances of the modalities observed."""
        self.smooth(signals, self.settings.smoothing)
        mean = self.running_loss.mean().clamp(min=torch.finfo(signals.losses.dtype).tiny)
        slope = 1 - (-self.log_variance).exp() * self.running_loss / mean
        # one step changes a weight by a factor of e at most
        moved = self.log_variance - (self.settings.weight_step * slope).clamp(-1, 1)
        moved = torch.where(signals.observed > 0, moved, self.log_variance).clamp(-LARGEST, LARGEST)
        self.log_variance.copy_(moved)
        self.set_weights((-moved).exp())
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return Uncertainty(n_modalities, settings)
