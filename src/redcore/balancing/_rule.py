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
    gradient_scale : tensor (n_modalities,)
        What the gradient of each encoder is multiplied by; ones for rules that leave it alone.
    """

    needs_validation: ClassVar[bool] = False
    """Whether the rule steps on its weights by held-out data, in `outer_step`."""

    needs_gradient_norms: ClassVar[bool] = False
    """Whether the rule steps on its weights by the gradients of the losses, in `take_gradient_norms`."""

    needs_scores: ClassVar[bool] = False
    """Whether the rule scales the gradients of encoders by what single modalities predict, in `take_scores`."""

    supervision_weight: Tensor
    relative_advantage: Tensor
    running_loss: Tensor
    gradient_scale: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        self.register_buffer("supervision_weight", torch.ones(n_modalities))
        self.register_buffer("relative_advantage", torch.zeros(n_modalities))
        self.register_buffer("running_loss", torch.zeros(n_modalities))
        # of one batch: not part of what is kept
        self.register_buffer("gradient_scale", torch.ones(n_modalities), persistent=False)

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
        """Step on the weights by held-out data; see `redcore.fitting.TrainableNetwork.outer_step`."""
        raise NotImplementedError

    def take_gradient_norms(self, norms: Tensor) -> None:
        """Step on the weights by the norms of the gradients of the unweighted losses by the codes, (n_modalities,)."""
        raise NotImplementedError

    def take_scores(self, scores: Tensor, observed: Tensor) -> None:
        """Set the scales of the encoders' gradients.

        Parameters
        ----------
        scores : tensor (n_modalities,)
            How well each modality alone predicts the samples of the batch that observe it, in [0, 1].
        observed : tensor (n_modalities,)
            Share of the batch that observes the modality; where 0 its score is not read.
        """
        raise NotImplementedError

    def smooth(self, losses: Tensor, observed: Tensor, smoothing: float) -> None:
        """Do ``lbar_m <- (1 - c) lbar_m + c l_m`` where the modality is observed."""
        smoothed = (1 - smoothing) * self.running_loss + smoothing * losses
        self.running_loss.copy_(torch.where(observed > 0, smoothed, self.running_loss))

    def set_weights(self, weights: Tensor, norm: float = 1.0) -> None:
        """Set the weights, scaled to this L2 norm; by their largest entry first, so that no square overflows."""
        scaled = weights / weights.max()
        self.supervision_weight.copy_(scaled / scaled.norm() * norm)
