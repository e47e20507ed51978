"""OGM-GE: smaller encoder gradients for the modality whose own head predicts best (Peng et al. 2022)."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from redcore.balancing._rule import BalancingRule
from redcore.balancing._signals import Signals

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

    single_process = True

    score: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__(n_modalities)
        self.register_buffer("score", torch.full((n_modalities,), NEVER_SCORED))
        self.set_weights(torch.ones(n_modalities))
        self._hooks: list[RemovableHandle] = []

    def update(self, signals: Signals) -> Tensor:
        """Scale the gradients of the encoders in the backward pass of this step; the weights stay equal."""
        scales = self.gradient_scales(signals.unimodal_scores(), signals.observed).tolist()
        for hook in self._hooks:
            hook.remove()
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(partial(_scale, scale=scale))  # type: ignore[no-untyped-call]
            for scale, parameters in zip(scales, signals.encoder_parameters(), strict=True)
            for parameter in (parameters if scale < 1 else ())
        ]
        return self.supervision_weight

    @torch.no_grad()
    def gradient_scales(self, scores: Tensor, observed: Tensor) -> Tensor:
        """Return the factor of the gradient of each encoder, (n_modalities,).

        Parameters
        ----------
        scores : tensor (n_modalities,)
            Score of each unimodal head, in [0, 1].
        observed : tensor (n_modalities,)
            Share of the batch that observes the modality; where it is 0 the score is not read.
        """
        self.score.copy_(torch.where((observed > 0) & torch.isfinite(scores), scores, self.score))
        known = self.score >= 0
        total = torch.where(known, self.score, 0.0).sum()
        others = (total - self.score) / (known.sum() - 1).clamp(min=1)
        ratio = torch.where(known & (others > 0), self.score / others.clamp(min=torch.finfo(others.dtype).tiny), 0.0)
        return torch.where(ratio > 1, 1 - torch.tanh(MODULATION * ratio), 1.0)

    def __getstate__(self) -> dict[str, Any]:
        # hooks belong to the parameters of one training step
        return {**self.__dict__, "_hooks": []}


def _scale(parameter: Tensor, scale: float) -> None:
    """Scale the gradient of a parameter, and add noise of its own standard deviation."""
    assert parameter.grad is not None
    spread = parameter.grad.std(correction=0)
    parameter.grad.mul_(scale).add_(torch.randn_like(parameter.grad) * spread)


def build(n_modalities: int, settings: object) -> BalancingRule:
    """Build the rule; it has no constants of a bi-level update."""
    return OgmGe(n_modalities)
