"""Rule of the RedCore paper: larger supervision weights for modalities with larger imputation losses."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["RelativeAdvantage", "build"]


class RelativeAdvantage(BalancingRule):
    """Upper level of the bi-level problem: a projected step on beta every `weight_interval` optimiser steps.

    The lower level is the training of the network with fixed beta. For the M modalities, with the imputation losses
    ``l_m`` of the batch, ``l_m >= 0``, and running losses ``lbar_m <- (1 - c) lbar_m + c l_m``:

        ``RA_m = (mean_k lbar_k - lbar_m) / mean_k lbar_k``, in [1 - M, 1]; negative if m is imputed worse than average
        ``beta <- beta - eta RA``, bounded below by `weight_floor`, and divided by its L2 norm.

    Choices that the paper leaves open: a modality that has not been observed so far has the relative advantage 0 and
    is excluded from the mean; the running losses are detached; eta is bounded by `weight_step_max` unless that is
    None.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    losses_only = True

    seen: Tensor

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.register_buffer("seen", torch.zeros(n_modalities, dtype=torch.bool))

    def weight_step(self, step: int) -> float:
        """Return eta at `step`: it grows at step 0 and every `weight_step_growth_interval` steps, up to its bound."""
        settings = self.settings
        limit = float("inf") if settings.weight_step_max is None else settings.weight_step_max
        n_growths = 1 + step // settings.weight_step_growth_interval
        try:
            return min(limit, settings.weight_step * settings.weight_step_growth**n_growths)
        except OverflowError:
            return min(limit, 1e30)

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Update running losses and relative advantage, update the weights if due, and return them."""
        settings = self.settings
        self.smooth(signals, settings.smoothing)
        self.seen.logical_or_(signals.observed > 0)
        self.set_relative_advantage(self.seen)
        if signals.step % settings.weight_interval == 0:
            eta = min(self.weight_step(signals.step), 1e30)
            self.set_weights((self.supervision_weight - eta * self.relative_advantage).clamp(min=settings.weight_floor))
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return RelativeAdvantage(n_modalities, settings)
