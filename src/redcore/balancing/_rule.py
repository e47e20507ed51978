"""Base of the supervision-weight rules."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from redcore.balancing._signals import Signals

__all__ = ["BalancingRule"]


class BalancingRule(nn.Module):
    """Weights of the imputation losses of the modalities. The state is in buffers, so that checkpoints hold it.

    Attributes
    ----------
    supervision_weight : tensor (n_modalities,)
        beta_m, the weight of the imputation loss of modality m.
    relative_advantage : tensor (n_modalities,)
        RA_m as last computed; zeros for rules that use none.
    running_loss : tensor (n_modalities,)
        Smoothed imputation losses; zeros for rules that use none.
    """

    single_process: ClassVar[bool] = False
    """True if a fit with this rule must run in one process."""

    supervision_weight: Tensor
    relative_advantage: Tensor
    running_loss: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        self.register_buffer("supervision_weight", torch.ones(n_modalities))
        self.register_buffer("relative_advantage", torch.zeros(n_modalities))
        self.register_buffer("running_loss", torch.zeros(n_modalities))

    def update(self, signals: Signals) -> Tensor:
        """Update the state by one training step, and return the weights for this very step, (n_modalities,)."""
        raise NotImplementedError

    def smooth(self, signals: Signals, smoothing: float) -> None:
        """Do ``lbar_m <- (1 - c) lbar_m + c l_m`` where the modality is observed."""
        smoothed = (1 - smoothing) * self.running_loss + smoothing * signals.losses
        self.running_loss.copy_(torch.where(signals.observed > 0, smoothed, self.running_loss))

    def set_weights(self, weights: Tensor, norm: float = 1.0) -> None:
        """Set the weights, scaled to this L2 norm; by their largest entry first, so that no square overflows."""
        scaled = weights / weights.max()
        self.supervision_weight.copy_(scaled / scaled.norm() * norm)
