"""The rule of the RedCore paper: more supervision for the modality that is imputed worse than the others."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule, BalancingSpec

__all__ = ["RelativeAdvantage", "build"]


class RelativeAdvantage(BalancingRule):
    """One projected step on the supervision weights every `weight_interval` optimiser steps.

    With running losses ``lbar_m <- (1 - c) lbar_m + c l_m``:

        ``RA_m = (mean_k lbar_k - lbar_m) / mean_k lbar_k``
        ``beta <- beta - eta RA``, floored, divided by its L2 norm.

    Where the paper is silent: a modality that no batch has shown yet has no advantage (0) and does not enter
    the mean; the running losses carry no gradient; eta is bounded by `weight_step_max` unless that is None.

    Parameters
    ----------
    n_modalities : int
    spec : BalancingSpec
    """

    seen: Tensor

    def __init__(self, n_modalities: int, spec: BalancingSpec) -> None:
        super().__init__(n_modalities)
        self.spec = spec
        self.register_buffer("seen", torch.zeros(n_modalities, dtype=torch.bool))

    def weight_step(self, step: int) -> float:
        """Return eta: it grows at step 0 and every `weight_step_growth_interval` steps, up to its bound."""
        spec = self.spec
        limit = float("inf") if spec.weight_step_max is None else spec.weight_step_max
        n_growths = 1 + step // spec.weight_step_growth_interval
        try:
            return min(limit, spec.weight_step * spec.weight_step_growth**n_growths)
        except OverflowError:
            return min(limit, 1e30)

    @torch.no_grad()
    def update(self, losses: Tensor, observed: Tensor, step: int) -> Tensor:
        """Smooth, compute the relative advantage, and step on the weights where it is their turn."""
        spec = self.spec
        self.smooth(losses, observed, spec.smoothing)
        self.seen.logical_or_(observed > 0)
        n_seen = self.seen.sum().clamp(min=1)
        mean = self.running_loss.sum() / n_seen
        advantage = (mean - self.running_loss) / mean.clamp(min=torch.finfo(mean.dtype).tiny)
        self.relative_advantage.copy_(torch.where(self.seen, advantage, torch.zeros_like(advantage)))
        if step % spec.weight_interval == 0:
            eta = min(self.weight_step(step), 1e30)
            self.set_weights((self.supervision_weight - eta * self.relative_advantage).clamp(min=spec.weight_floor))
        return self.supervision_weight


def build(n_modalities: int, spec: BalancingSpec) -> BalancingRule:
    """Build the rule."""
    return RelativeAdvantage(n_modalities, spec)
