"""What every supervision-weight rule is."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

__all__ = ["BalancingRule", "BalancingSpec"]


@dataclass(frozen=True)
class BalancingSpec:
    """Constants of the bi-level update; see `RedCoreSettings` for their meaning and bounds."""

    smoothing: float
    weight_interval: int
    weight_step: float
    weight_step_growth: float
    weight_step_growth_interval: int
    weight_step_max: float | None
    weight_floor: float
    steps_per_epoch: int = 100


class BalancingRule(nn.Module):
    """Weights of the modalities' imputation losses. Its state is kept in buffers, so that checkpoints hold it.

    Attributes
    ----------
    supervision_weight : tensor (n_modalities,)
        beta_m, the weight of the imputation loss of modality m.
    relative_advantage : tensor (n_modalities,)
        RA_m as last computed; zeros for rules that use none.
    running_loss : tensor (n_modalities,)
        Smoothed imputation losses; zeros for rules that use none.
    """

    needs_validation: ClassVar[bool] = False
    """Whether the rule steps on its weights by held-out data, in `outer_step`."""

    supervision_weight: Tensor
    relative_advantage: Tensor
    running_loss: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        self.register_buffer("supervision_weight", torch.ones(n_modalities))
        self.register_buffer("relative_advantage", torch.zeros(n_modalities))
        self.register_buffer("running_loss", torch.zeros(n_modalities))

    def update(self, losses: Tensor, observed: Tensor, step: int) -> Tensor:
        """Take in the imputation losses of one batch and return the weights for this very batch.

        Parameters
        ----------
        losses : tensor (n_modalities,)
            Detached imputation losses of the batch.
        observed : tensor (n_modalities,)
            Share of the batch that observes the modality; where 0 its loss is not read.
        step : int
            Number of optimiser steps done so far.
        """
        raise NotImplementedError

    def outer_step(self, slopes: Tensor) -> None:
        """Step on the weights by held-out data; see `redcore.training.TrainableNetwork.outer_step`."""
        raise NotImplementedError

    def smooth(self, losses: Tensor, observed: Tensor, smoothing: float) -> None:
        """Do ``lbar_m <- (1 - c) lbar_m + c l_m`` where the modality is observed."""
        smoothed = (1 - smoothing) * self.running_loss + smoothing * losses
        self.running_loss.copy_(torch.where(observed > 0, smoothed, self.running_loss))

    def set_weights(self, weights: Tensor, norm: float = 1.0) -> None:
        """Set the weights, scaled to this L2 norm; by their largest entry first, so that no square overflows."""
        scaled = weights / weights.max()
        self.supervision_weight.copy_(scaled / scaled.norm() * norm)
