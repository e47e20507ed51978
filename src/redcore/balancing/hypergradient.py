"""Hypergradient of the bi-level problem: gradient of the validation loss through one inner step."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Hypergradient", "build"]


class Hypergradient(BalancingRule):
    """Projected gradient descent on the weights for the validation loss after one step of the network.

    The rule of the RedCore paper approximates this bi-level problem. To first order,
    ``dL_val(theta - eta grad sum_m beta_m l_m) / dbeta_m`` is ``-eta <grad L_val, grad l_m>`` (Liu et al. 2019, DARTS,
    arXiv 1806.09055; Ren et al. 2018, arXiv 1803.09050). With these inner products s, the weights are updated every
    `weight_interval` steps by ``beta <- beta + weight_step * s / max |s|``, bounded below by `weight_floor`, and
    scaled to the L2 norm 1.

    An update costs a gradient on a validation batch and three evaluations of the network. Without validation data the
    weights stay equal. `relative_advantage` is ``-s / max |s|``, which is negative for modalities whose weight
    increases.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    single_process = True

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.set_weights(torch.ones(n_modalities))

    def update(self, signals: Signals) -> Tensor:
        """Update the weights every `weight_interval` steps if there is validation data, and return them."""
        if signals.step % self.settings.weight_interval == 0 and len(signals.losses) > 1:
            slopes = signals.validation_slopes()
            if slopes is not None:
                self.follow(slopes)
        return self.supervision_weight

    @torch.no_grad()
    def follow(self, slopes: Tensor) -> None:
        """Increase the weights of the losses whose gradient steps decrease the validation loss, and vice versa.

        Parameters
        ----------
        slopes : tensor (n_modalities,)
            Inner products ``<grad L_val, grad l_m>``.
        """
        largest = slopes.abs().max()
        if not torch.isfinite(largest) or largest == 0:
            return
        direction = slopes / largest
        self.relative_advantage.copy_(-direction)
        moved = self.supervision_weight + self.settings.weight_step * direction
        self.set_weights(moved.clamp(min=self.settings.weight_floor))


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return Hypergradient(n_modalities, settings)
