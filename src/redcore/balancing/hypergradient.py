"""The bi-level problem itself: weights follow the gradient of the validation loss, one inner step unrolled."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Hypergradient", "build"]


class Hypergradient(BalancingRule):
    """Projected gradient steps on the weights for the loss of validation data after one more step on the network.

    What the paper's rule stands for, computed: ``dL_val(theta - eta grad sum_m beta_m l_m) / dbeta_m`` to first order
    is ``-eta <grad L_val, grad l_m>`` (Liu et al. 2019, DARTS, arXiv 1806.09055; Ren et al. 2018, arXiv 1803.09050).
    Every `weight_interval` steps ``beta <- beta + weight_step * s / max |s|`` with these inner products s, floored,
    with the L2 norm 1. Costs a gradient on a validation batch and three evaluations of the network; without validation
    data the weights stay equal. `relative_advantage` holds ``-s / max |s|``: negative where more weight would help.

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
        """Step on the weights every `weight_interval` steps, if there is validation data."""
        if signals.step % self.settings.weight_interval == 0 and len(signals.losses) > 1:
            slopes = signals.validation_slopes()
            if slopes is not None:
                self.follow(slopes)
        return self.supervision_weight

    @torch.no_grad()
    def follow(self, slopes: Tensor) -> None:
        """Step on the weights, up where a step on the loss would lower the validation loss."""
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
