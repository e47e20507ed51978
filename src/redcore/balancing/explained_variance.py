"""Larger supervision weights for codes of which the imputer explains a smaller share of the variance."""

import torch
from torch import Tensor

from redcore.balancing._rule import AveragingRule, BalancingRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals

__all__ = ["ExplainedVariance", "build"]


class ExplainedVariance(AveragingRule):
    """Weights proportional to the unexplained share of the variance of the codes, ``1 - R2`` of the imputer.

    With averages lbar and vbar over batches:

        ``u_m = min(1, lbar_m / vbar_m)``, where ``v_m = 1 / (n_m - 1) sum_(i observes m) ||z_m - mean z_m||^2``,
        ``beta_m`` proportional to ``u_m / mean_k u_k``, bounded below by `weight_floor`.

    In contrast to the relative advantage of the paper, ``u_m`` has no unit: it does not change if the codes of a
    modality are multiplied by a constant. It cannot separate a modality that the others do not determine from one whose
    imputer is under-trained. The weights settle because ``u_m`` is in [0, 1] and its averages have a growing window.

    `relative_advantage` is ``(mean_k u_k - u_m) / mean_k u_k``.

    Parameters
    ----------
    n_modalities : int
    settings : BalancingSettings
    """

    running_variance: Tensor

    def __init__(self, n_modalities: int, settings: BalancingSettings) -> None:
        super().__init__(n_modalities)
        self.settings = settings
        self.register_buffer("running_variance", torch.zeros(n_modalities))

    @torch.no_grad()
    def update(self, signals: Signals) -> Tensor:
        """Update the averages and the weights, and return the weights."""
        variances = signals.code_variances()
        known = (signals.observed > 0) & torch.isfinite(signals.losses) & torch.isfinite(variances)
        self.average(known, running_loss=signals.losses, running_variance=variances)
        # codes without variance count as explained
        share = (self.running_loss / self.running_variance).clamp(max=1).nan_to_num(0.0)
        self.set_relative_advantage(self.n_batches > 0, share)
        self.set_proportional(share, self.settings.weight_floor)
        return self.supervision_weight


def build(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule."""
    return ExplainedVariance(n_modalities, settings)
