"""The bi-level problem itself: weights follow the gradient of the validation loss, one inner step unrolled."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule, BalancingSpec

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
    spec : BalancingSpec
    """

    needs_validation = True

    def __init__(self, n_modalities: int, spec: BalancingSpec) -> None:
        super().__init__(n_modalities)
        self.spec = spec
        self.set_weights(torch.ones(n_modalities))

    def update(self, losses: Tensor, observed: Tensor, step: int) -> Tensor:
        """Return the weights as they are; they change in `outer_step`."""
        return self.supervision_weight

    @torch.no_grad()
    def outer_step(self, slopes: Tensor) -> None:
        """Step on the weights, up where a step on the loss would lower the validation loss."""
        largest = slopes.abs().max()
        if not torch.isfinite(largest) or largest == 0:
            return
        direction = slopes / largest
        self.relative_advantage.copy_(-direction)
        moved = self.supervision_weight + self.spec.weight_step * direction
        self.set_weights(moved.clamp(min=self.spec.weight_floor))


def build(n_modalities: int, spec: BalancingSpec) -> BalancingRule:
    """Build the rule."""
    return Hypergradient(n_modalities, spec)
