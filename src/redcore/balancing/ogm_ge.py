"""OGM-GE: smaller encoder gradients for the modality whose own head predicts best (Peng et al. 2022)."""

import torch
from torch import Tensor

from redcore.balancing._rule import BalancingRule

__all__ = ["OgmGe", "build"]

MODULATION = 0.3
"""alpha of the paper, which takes 0.1 to 0.8."""

NEVER_SCORED = -1.0


class OgmGe(BalancingRule):
    """On-the-fly gradient modulation: ``k_m = 1 - tanh(alpha rho_m)`` where ``rho_m > 1``, else 1.

    Peng, Wei, Deng, Wang, Hu (2022), arXiv 2203.15332: ``rho_m = s_m / mean_(k != m) s_k`` with ``s_m`` how well
    modality m alone predicts the batch. The gradient of encoder m is multiplied by ``k_m``, then noise of its own
    standard deviation is added (generalisation enhancement), so that slowing a modality down does not take its noise
    away. Supervision weights stay equal. Where we differ: any number of modalities; the score is that of the unimodal
    head on the samples that observe m, as a probability of the true class (or ``exp(-loss)``, for numbers); a modality
    that the batch does not show keeps its score.

    Parameters
    ----------
    n_modalities : int
    """

    needs_scores = True

    score: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("score", torch.full((n_modalities,), NEVER_SCORED))
        self.set_weights(torch.ones(n_modalities))

    def update(self, losses: Tensor, observed: Tensor, step: int) -> Tensor:
        """Return the weights, which stay as they are."""
        return self.supervision_weight

    @torch.no_grad()
    def take_scores(self, scores: Tensor, observed: Tensor) -> None:
        """Set the scales of the encoders' gradients."""
        self.score.copy_(torch.where((observed > 0) & torch.isfinite(scores), scores, self.score))
        known = self.score >= 0
        total = torch.where(known, self.score, 0.0).sum()
        others = (total - self.score) / (known.sum() - 1).clamp(min=1)
        ratio = torch.where(known & (others > 0), self.score / others.clamp(min=torch.finfo(others.dtype).tiny), 0.0)
        scale = torch.where(ratio > 1, 1 - torch.tanh(MODULATION * ratio), 1.0)
        self.gradient_scale.copy_(scale)


def build(n_modalities: int, spec: object) -> BalancingRule:
    """Build the rule; it has no constants of a bi-level update."""
    return OgmGe(n_modalities)
