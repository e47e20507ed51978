"""Weights of several sources, fitted to held-out data: stacked generalisation (Wolpert 1992) with few weights."""

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.data import TargetKind
from redcore.linear import hazard_losses

__all__ = ["StackingWeights"]

PRIOR_SAMPLES = 2.0
"""Strength, in samples, of the shrinkage of the fitted weights towards the prior weights."""

PRIOR_SAMPLES_REGRESSION = 20.0
"""The same for regression. The held-out samples also select a network's epoch, which biases its R2 by about 0.1."""

PRIOR_SAMPLES_SURVIVAL = 50.0
"""The same for survival, in which only the samples with an event have much information."""

PRIOR_SAMPLES_SHIFT = 20.0
"""Strength of the shrinkage of the shift of a time bin towards 0, as strong as 40 events in the bin. Shifts of a large
cohort are about 0.15; a small one has 5 to 10 events per bin, which cannot estimate them."""

LEAST_WEIGHT = 0.1
"""Smallest sum of weights, except for regression: predictions still rank the classes if no source helped on few
held-out samples."""


class StackingWeights(nn.Module):
    """Non-negative weights of S sources, and for survival a shift of the log-odds of the hazard in each time bin.

    Each source predicts class log-probabilities, logits of labels or hazards, or numbers.

    For regression the weights sum to at most 1: the combination is no further from the mean than its sources.
    For survival, the sources are added to the log-odds of the hazards of all samples. Samples with high hazards have
    early events, so that this baseline is too low for the other samples in later bins. The shift corrects it.

    Parameters
    ----------
    weights : array (S,)
    shift : array (n_outputs,), optional
        Added to the weighted sum of the sources. Default: zero.
    """

    weights: Tensor
    shift: Tensor

    def __init__(self, weights: AnyArray, shift: AnyArray | None = None) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        self.register_buffer("shift", torch.tensor([0.0] if shift is None else shift, dtype=torch.float64))

    @classmethod
    def fit(
        cls,
        sources: AnyArray,
        target: AnyArray,
        kind: TargetKind,
        prior: AnyArray,
        n_independent: int | None = None,
        counts: AnyArray | None = None,
        offset: AnyArray | None = None,
    ) -> "StackingWeights":
        """Minimise the log loss (for regression: the squared error) over the weights, and for survival over the shift.

        Parameters
        ----------
        sources : array (n_samples, S, n_outputs)
        target : array
            Class codes (n_samples,), positions of times (n_samples, 2), or (n_samples, n_outputs).
        kind : TargetKind
        prior : array (S,)
            Start of the search, and the weights towards which the result is shrunk.
        n_independent : int, optional
            Number of distinct samples, if samples are repeated under several missing patterns; default: all. The fewer
            they are, the stronger the shrinkage.
        counts : array (n_samples,), optional
            Weight of each sample.
        offset : array (n_outputs,), optional
            Survival: log-odds of the hazards, to which the weighted sum of the sources is added.
        """
        from scipy.optimize import LinearConstraint, minimize

        strength = PRIOR_SAMPLES_REGRESSION if kind.is_regression else PRIOR_SAMPLES
        if kind.is_survival:
            strength = PRIOR_SAMPLES_SURVIVAL
        n_sources, n_independent = len(prior), max(1, n_independent or len(sources))
        penalty, shift_penalty = strength / n_independent, PRIOR_SAMPLES_SHIFT / n_independent
        counts = np.ones(len(sources)) if counts is None else counts

        def loss(parameters: AnyArray) -> tuple[float, AnyArray]:
            weights, shift = np.split(parameters, [n_sources])
            combined = np.einsum("nsk,s->nk", sources, weights)
            losses, slope = _loss(combined if offset is None else combined + (offset + shift), target, kind)
            slope = slope * counts[:, None] / len(counts)
            of_weights = np.einsum("nsk,nk->s", sources, slope) + 2 * penalty * (weights - prior)
            of_shift = slope.sum(axis=0)[: len(shift)] + 2 * shift_penalty * shift
            value = float(counts @ losses) / len(counts) + penalty * float(((weights - prior) ** 2).sum())
            return value + shift_penalty * float((shift**2).sum()), np.concatenate([of_weights, of_shift])

        n_shifts = 0 if offset is None else len(offset)
        start = np.concatenate([prior, np.zeros(n_shifts)])
        bounds = [(0.0, None)] * n_sources + [(None, None)] * n_shifts
        if kind.is_regression:
            at_most_1 = LinearConstraint(np.ones((1, len(prior))), ub=1.0)
            result = minimize(loss, start, jac=True, method="SLSQP", bounds=bounds, constraints=at_most_1)
        else:
            result = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
        weights, shift = np.split(result.x if np.isfinite(result.x).all() else start, [n_sources])
        weights = weights.clip(min=0.0)
        if not kind.is_regression and weights.sum() < LEAST_WEIGHT:
            weights = prior * LEAST_WEIGHT / prior.sum()
        return cls(weights, shift if n_shifts else None)

    def forward(self, sources: Tensor) -> Tensor:
        """Return the weighted sum of sources (n_samples, S, n_outputs): logits or numbers, (n_samples, n_outputs)."""
        return (sources * self.weights[:, None]).sum(dim=1) + self.shift


def _loss(combined: AnyArray, target: AnyArray, kind: TargetKind) -> tuple[AnyArray, AnyArray]:
    """Return the loss of every sample and its gradient with respect to `combined`."""
    from scipy.special import expit, log_softmax, logsumexp

    if kind.is_classification:
        rows = np.arange(len(combined))
        slope = np.exp(log_softmax(combined, axis=1))
        slope[rows, target] -= 1
        return logsumexp(combined, axis=1) - combined[rows, target], slope
    n_outputs = combined.shape[1]
    if kind.is_survival:
        return hazard_losses(combined, target)
    if kind.is_multilabel:
        value = np.logaddexp(0, combined) - target * combined
        return value.mean(axis=1), (expit(combined) - target) / n_outputs
    return ((combined - target) ** 2).mean(axis=1), 2 * (combined - target) / n_outputs
