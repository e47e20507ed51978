"""BALM: smaller encoder gradients for modalities whose predictions approach the joint prediction fastest (2026)."""

import torch
from torch import Tensor

from redcore.balancing._rule import GradientRule
from redcore.balancing._signals import Signals

__all__ = ["Balm", "build"]

STRENGTH = 1.3
"""Coefficient rho. Values of the paper: 1.1 to 1.6."""


class Balm(GradientRule):
    """Gradient rebalancing: encoder gradients are multiplied by ``rho (1 - d_m / sum_k d_k)``.

    "BALM: a model-agnostic framework for balanced multimodal learning under imbalanced missing rates" (CVPR 2026); from
    the published code (np4s/BALM_CVPR2026). ``d_m`` is the decrease of ``KL(joint prediction, unimodal prediction)``
    since the previous step (in the first step, the divergence itself). Supervision weights stay equal.

    Differences from the code: factors are bounded to [0, rho], because they are unbounded and change their sign if the
    divergences of some modalities increase; the unimodal heads are those of the network, trained with it, and not
    separate heads on detached codes; modalities that no sample of the batch observes keep their divergence and have the
    factor 1. The alignment loss of the gradients of the heads and the feature calibration module of BALM belong to the
    network and not to a rule, and are not implemented.

    Parameters
    ----------
    n_modalities : int
    """

    divergence: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("divergence", torch.zeros(n_modalities))

    def scales(self, signals: Signals) -> Tensor:
        """Return the factors of the encoder gradients; see `gradient_scales`."""
        return self.gradient_scales(signals.unimodal_divergences(), signals.observed)

    @torch.no_grad()
    def gradient_scales(self, divergences: Tensor, observed: Tensor) -> Tensor:
        """Return the factor of each encoder gradient, (n_modalities,), and store the divergences.

        Parameters
        ----------
        divergences, observed : tensor (n_modalities,)
            Divergence of each unimodal prediction from the joint one, and the share of the samples of the batch that
            observe the modality.
        """
        known = (observed > 0) & torch.isfinite(divergences)
        # the initial divergence is 0, so that the first decrease is minus the divergence; the sign cancels
        decrease = torch.where(known, self.divergence - divergences, 0.0)
        self.divergence.copy_(torch.where(known, divergences, self.divergence))
        total = decrease.sum()
        if int(known.sum()) < 2 or total == 0:
            return torch.ones_like(divergences)
        coefficient = (1 - decrease / total).clamp(0, 1)
        return torch.where(known, STRENGTH * coefficient, 1.0)


def build(n_modalities: int, settings: object) -> GradientRule:
    """Build the rule, which does not use any settings."""
    return Balm(n_modalities)
