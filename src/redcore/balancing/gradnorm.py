"""GradNorm: weights that even out the gradients that the imputation losses send into the codes (Chen et al. 2018)."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["GradNorm", "build"]

ASYMMETRY = 1.5
"""alpha of the paper: how much larger the gradient of a loss shall be that has fallen less than the others."""


class GradNorm(BalancingRule):
    """Gradient steps on the weights for ``sum_m |G_m - mean_k G_k * r_m^alpha|``.

    Chen, Badrinarayanan, Lee, Rabinovich (2018), arXiv 1711.02257: ``G_m`` is the norm of the gradient of
    ``beta_m l_m`` by what all losses share, ``r_m`` the loss relative to where it started, over the mean of these
    ratios. A loss that has fallen less is to have the larger gradient. Where we differ: the gradient is that by the
    codes of a batch rather than by the weights of a layer, which costs a pass through the imputers alone; steps are
    taken every `weight_interval` optimiser steps with the rate `weight_step`; weights have the L2 norm 1.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    first_loss: Tensor

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.register_buffer("first_loss", torch.zeros(n_modalities))
        self.set_weights(torch.ones(n_modalities))

    def update(self, signals: Signals) -> Tensor:
        """Return the weights, then take one step on them every `weight_interval` steps."""
        self._record(signals)
        weights = self.supervision_weight.clone()
        if signals.step % self.settings.weight_interval == 0 and len(weights) > 1:
            self.even_out(signals.gradient_norms())
        return weights

    @torch.no_grad()
    def _record(self, signals: Signals) -> None:
        """Smooth the losses, and store the first value of each."""
        losses, shown = signals.losses, signals.observed > 0
        first = shown & (self.first_loss == 0)
        self.first_loss.copy_(torch.where(first, losses, self.first_loss))
        # from the first loss, not from 0: a ratio below 1 then means that the loss has fallen
        self.running_loss.copy_(torch.where(first, losses, self.running_loss))
        self.smooth(signals, self.settings.smoothing)

    @torch.no_grad()
    def even_out(self, norms: Tensor) -> None:
        """Step on the weights of the modalities that have a gradient."""
        known = (self.first_loss > 0) & (norms > 0) & torch.isfinite(norms)
        if known.sum() < 2:
            return
        ratio = torch.where(known, self.running_loss / self.first_loss.clamp(min=torch.finfo(norms.dtype).tiny), 0.0)
        ratio = ratio / (ratio.sum() / known.sum()).clamp(min=torch.finfo(norms.dtype).tiny)
        weighted = torch.where(known, self.supervision_weight * norms, 0.0)
        mean = weighted.sum() / known.sum()
        excess = weighted - mean * ratio**ASYMMETRY
        # |G_m - target_m| has the slope sign(.) * |grad l_m| by beta_m; in units of the largest, as norms have any
        slope = torch.where(known, excess.sign() * norms, 0.0) / norms.masked_fill(~known, 0.0).max()
        moved = self.supervision_weight - self.settings.weight_step * slope
        self.set_weights(moved.clamp(min=self.settings.weight_floor))


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return GradNorm(n_modalities, settings)
