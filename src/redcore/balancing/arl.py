"""ARL: larger encoder gradients for modalities with confident predictions and small contributions (Wei et al. 2025)."""

import torch
from torch import Tensor

from redcore.balancing._rule import GradientRule
from redcore.balancing._signals import Signals

__all__ = ["Arl", "build"]

INVERSE_TEMPERATURE = 8.0
WARM_UP = 5
"""Number of epochs with equal gradients, as in the published code."""
SMALLEST_SHARE = 0.6
"""Lower bound on the share of a modality in the sum of entropies, as a multiple of the mean share."""


class Arl(GradientRule):
    """Asymmetric representation learning: encoder gradients are multiplied by ``(1 + w_m) / (1 + 1 / M)``.

    Wei, Luo, Luo, "Improving multimodal learning via imbalanced learning" (ICCV 2025); from the published code
    (shicaiwei123/ICCV2025-ARL). ``w = softmax(8 (1 - c_m) v_m)``, where ``c_m`` is the share of modality m in the L1
    norms of the unimodal logits, and ``v_m`` is inversely proportional to its share in the entropies of the unimodal
    predictions, normalised to the sum 1. A modality with a small variance should contribute more to the prediction.
    Gradients are equal in the first five epochs. Supervision weights stay equal.

    Differences from the code: any number of modalities is supported, and those that no sample of the batch observes
    are left out; the lower bound of a share of entropies is 0.3 for two modalities and proportional to 1 / M; the
    division by ``1 + 1 / M`` leaves gradients unchanged if the weights are equal; unimodal heads are those of the
    network, while the code shares the weights of one head; in regression, the loss of the head replaces the entropy.

    Parameters
    ----------
    n_modalities : int
    """

    n_epochs: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("n_epochs", torch.zeros((), dtype=torch.long))

    def scales(self, signals: Signals) -> Tensor:
        """Return the factors of the encoder gradients, which are 1 during the first epochs."""
        warm = bool(self.n_epochs < WARM_UP)
        self.n_epochs.add_(signals.ends_epoch)
        if warm:
            return torch.ones_like(signals.losses)
        return self.gradient_scales(signals.unimodal_magnitudes(), signals.unimodal_entropies(), signals.observed)

    @torch.no_grad()
    def gradient_scales(self, magnitudes: Tensor, entropies: Tensor, observed: Tensor) -> Tensor:
        """Return the factor of each encoder gradient, (n_modalities,).

        Parameters
        ----------
        magnitudes, entropies, observed : tensor (n_modalities,)
            L1 norms of the logits and entropies of the predictions of the unimodal heads, and the share of the samples
            of the batch that observe the modality.
        """
        known = (observed > 0) & torch.isfinite(magnitudes) & torch.isfinite(entropies)
        n_known = int(known.sum())
        if n_known < 2:
            return torch.ones_like(magnitudes)
        contribution = _shares(magnitudes, known)
        certainty = torch.where(known, 1 / _shares(entropies, known).clamp(min=SMALLEST_SHARE / n_known), 0.0)
        certainty = certainty / certainty.sum()
        logits = INVERSE_TEMPERATURE * (1 - contribution) * certainty
        weights = logits.masked_fill(~known, -torch.inf).softmax(dim=0)
        return torch.where(known, (1 + weights) / (1 + 1 / n_known), 1.0)


def _shares(values: Tensor, known: Tensor) -> Tensor:
    """Return the known values divided by their sum; equal shares if the sum is 0."""
    values = torch.where(known, values, 0.0)
    total = values.sum()
    return torch.where(total > 0, values / total.clamp(min=torch.finfo(total.dtype).tiny), known / known.sum())


def build(n_modalities: int, settings: object) -> GradientRule:
    """Build the rule, which does not use any settings."""
    return Arl(n_modalities)
