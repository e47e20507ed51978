"""Constant supervision weights, equal by default."""

from collections.abc import Sequence

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["Fixed", "build"]


class Fixed(BalancingRule):
    """Constant weights ``beta_m = 1 / sqrt(M)``, or proportional to given weights.

    Running losses and relative advantages are recorded. They do not change the weights.

    Parameters
    ----------
    n_modalities : int
    smoothing : float in (0, 1]
        Smoothing factor of the running losses.
    weights : sequence of float, optional
        Weights before normalisation, one per modality. Default: equal weights.
    """

    losses_only = True

    def __init__(self, n_modalities: int, smoothing: float, weights: Sequence[float] | None = None) -> None:
        super().__init__(n_modalities)
        self.smoothing = smoothing
        if weights is None:
            self.supervision_weight.copy_(torch.full((n_modalities,), n_modalities**-0.5))
        else:
            self.set_weights(torch.tensor(weights, dtype=torch.float32))

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Update running losses and relative advantages, and return the constant weights."""
        self.smooth(signals, self.smoothing)
        self.set_relative_advantage(self.running_loss > 0)
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule with the weights in `settings`, which are a tuple or None; see `build_rule`."""
    weights = settings.fixed_weights
    assert not isinstance(weights, dict)
    return Fixed(n_modalities, settings.smoothing, weights)
