"""GradNorm: balanced gradient norms of the imputation losses with respect to the codes (Chen et al. 2018)."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["GradNorm", "build"]

ASYMMETRY = 1.5
"""Restoring force alpha (Chen et al., 2018)."""


class GradNorm(BalancingRule):
    """Gradient descent on the weights for the loss ``sum_m |G_m - mean_k G_k * r_m^alpha|``.

    Chen, Badrinarayanan, Lee, Rabinovich (2018), arXiv 1711.02257. ``G_m`` is the norm of the gradient of
    ``beta_m l_m`` with respect to the shared parameters. ``r_m`` is the relative inverse training rate: the ratio of
    the current to the initial loss, divided by the mean ratio. Losses that have decreased less receive larger
    gradients.

    Differences from the paper: gradients are taken with respect to the codes of a batch and not to the weights of a
    shared layer, so that only the imputers are differentiated; weights are updated every `weight_interval` optimiser
    steps with the learning rate `weight_step`; weights have the L2 norm 1.

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
        """Return the weights, and update them for later steps every `weight_interval` steps."""
        self._record(signals)
        weights = self.supervision_weight.clone()
        if signals.step % self.settings.weight_interval == 0 and len(weights) > 1:
            self.balance(signals.gradient_norms())
        return weights

    @torch.no_grad()
    def _record(self, signals: Signals) -> None:
        """Update the running losses, and store the initial loss of each modality."""
        losses, observed = signals.losses, signals.observed > 0
        first = observed & (self.first_loss == 0)
        self.first_loss.copy_(torch.where(first, losses, self.first_loss))
        # running losses start at the initial loss, so that a ratio below 1 means that the loss has decreased
        self.running_loss.copy_(torch.where(first, losses, self.running_loss))
        self.smooth(signals, self.settings.smoothing)

    @torch.no_grad()
    def balance(self, norms: Tensor) -> None:
        """Update the weights of the modalities with a non-zero gradient norm.

        Parameters
        ----------
        norms : tensor (n_modalities,)
            Norm of the gradient of each imputation loss.
        """
        known = (self.first_loss > 0) & (norms > 0) & torch.isfinite(norms)
        if known.sum() < 2:
            return
        ratio = torch.where(known, self.running_loss / self.first_loss.clamp(min=torch.finfo(norms.dtype).tiny), 0.0)
        ratio = ratio / (ratio.sum() / known.sum()).clamp(min=torch.finfo(norms.dtype).tiny)
        weighted = torch.where(known, self.supervision_weight * norms, 0.0)
        mean = weighted.sum() / known.sum()
        excess = weighted - mean * ratio**ASYMMETRY
        # the derivative of |G_m - target_m| by beta_m is sign(.) * |grad l_m|, scaled by the largest norm
        slope = torch.where(known, excess.sign() * norms, 0.0) / norms.masked_fill(~known, 0.0).max()
        moved = self.supervision_weight - self.settings.weight_step * slope
        self.set_weights(moved.clamp(min=self.settings.weight_floor))


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return GradNorm(n_modalities, settings)
