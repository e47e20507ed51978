"""OGM-GE: reduced encoder gradients for the modality whose unimodal head predicts best (Peng et al. 2022)."""

import torch
from torch import Tensor

from redcore.balancing._rule import GradientRule
from redcore.balancing._signals import Signals

__all__ = ["OgmGe", "build"]

MODULATION = 0.3
"""Degree of modulation alpha. Values of the paper: 0.1 to 0.8."""

NEVER_SCORED = -1.0


class OgmGe(GradientRule):
    """On-the-fly gradient modulation with the factor ``k_m = 1 - tanh(alpha rho_m)`` if ``rho_m > 1``, else 1.

    Peng, Wei, Deng, Wang, Hu (2022), arXiv 2203.15332. ``rho_m = s_m / mean_(k != m) s_k`` is the discrepancy ratio of
    the unimodal scores ``s_m`` on the batch. The gradient of encoder m is multiplied by ``k_m``. Gaussian noise with
    the standard deviation of the gradient is then added, so that modulation does not reduce the noise of stochastic
    gradient descent (generalisation enhancement). Supervision weights stay equal.

    Differences from the paper: any number of modalities is supported; the score is the mean probability of the true
    class (``exp(-loss)`` in regression) of the unimodal head over the samples that observe m; modalities that no sample
    of the batch observes keep their score.

    Parameters
    ----------
    n_modalities : int
    """

    noise = True

    score: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("score", torch.full((n_modalities,), NEVER_SCORED))

    def scales(self, signals: Signals) -> Tensor:
        """Return the modulation factors; see `gradient_scales`."""
        return self.gradient_scales(signals.unimodal_scores(), signals.observed)

    @torch.no_grad()
    def gradient_scales(self, scores: Tensor, observed: Tensor) -> Tensor:
        """Return the modulation factor of each encoder gradient, (n_modalities,).

        Parameters
        ----------
        scores : tensor (n_modalities,)
            Score of each unimodal head, in [0, 1].
        observed : tensor (n_modalities,)
            Share of the samples of the batch that observe the modality. Scores with a share of 0 are ignored.
        """
        self.score.copy_(torch.where((observed > 0) & torch.isfinite(scores), scores, self.score))
        known = self.score >= 0
        total = torch.where(known, self.score, 0.0).sum()
        others = (total - self.score) / (known.sum() - 1).clamp(min=1)
        ratio = torch.where(known & (others > 0), self.score / others.clamp(min=torch.finfo(others.dtype).tiny), 0.0)
        return torch.where(ratio > 1, 1 - torch.tanh(MODULATION * ratio), 1.0)


def build(n_modalities: int, settings: object) -> GradientRule:
    """Build the rule, which does not use any settings."""
    return OgmGe(n_modalities)
