"""Base class of supervision-weight rules."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from redcore.balancing._signals import Signals

__all__ = ["BalancingRule"]


class BalancingRule(nn.Module):
    """Base class of rules that weight the imputation losses of the modalities.

    Rules store their state in buffers, so that checkpoints contain it.

    Attributes
    ----------
    supervision_weight : tensor (n_modalities,)
        beta_m, the weight of the imputation loss of modality m.
    relative_advantage : tensor (n_modalities,)
        RA_m, the latest relative advantage; zeros for rules that do not use it.
    running_loss : tensor (n_modalities,)
        Smoothed imputation losses; zeros for rules that do not use them.
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
        """Update the state for one training step, and return the weights of this step, (n_modalities,)."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """Return the values of the rule for the training history, each (n_modalities,)."""
        names = ("running_loss", "relative_advantage", "supervision_weight")
        return {name: getattr(self, name) for name in names}

    def smooth(self, signals: Signals, smoothing: float) -> None:
        """Update running losses ``lbar_m <- (1 - c) lbar_m + c l_m`` of the modalities observed in the batch."""
        smoothed = (1 - smoothing) * self.running_loss + smoothing * signals.losses
        self.running_loss.copy_(torch.where(signals.observed > 0, smoothed, self.running_loss))

    def set_weights(self, weights: Tensor, norm: float = 1.0) -> None:
        """Set the supervision weights to `weights`, scaled to the L2 norm `norm`."""
        # dividing by the maximum first avoids an overflow of squares
        scaled = weights / weights.max()
        self.supervision_weight.copy_(scaled / scaled.norm() * norm)
