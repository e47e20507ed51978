"""Larger supervision weights for modalities whose imputation costs the label more than their observation."""

import torch
from torch import Tensor

from redcore.balancing._rule import AveragingRule, BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["PredictiveAdvantage", "build"]


class PredictiveAdvantage(AveragingRule):
    """Weights proportional to the label loss that the imputation of a modality costs.

    Every `weight_interval` optimiser steps, with the average abar over these batches:

        ``a_m = 1 / n_m sum_(i observes m) CE(y, C([r; g_m])) - CE(y, C([r; z_m]))``,
        ``beta_m`` proportional to ``max(0, abar_m)``, divided by the mean and bounded below by `weight_floor`.

    ``C`` is the joint head without dropout, and ``[r; g_m]`` the completed codes with ``g_m`` in place of modality m.
    All ``a_m`` are in nats of the label (units of the loss of a continuous target). A modality that the imputer does
    not recover gets a small weight if the label does not need it. The weights settle because they are bounded shares
    of averages with a growing window. The samples are training samples, so that an over-fitted head overrates the
    cost.

    An update costs 2 M evaluations of the joint head.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    running_cost: Tensor

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.register_buffer("running_cost", torch.zeros(n_modalities))

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Update the averages and the weights every `weight_interval` steps, and return the weights."""
        if signals.step % self.settings.weight_interval == 0:
            costs = signals.imputation_costs()
            self.average((signals.observed > 0) & torch.isfinite(costs), running_cost=costs)
            self.set_proportional(self.running_cost.clamp(min=0), self.settings.weight_floor)
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return PredictiveAdvantage(n_modalities, settings)
