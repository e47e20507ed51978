"""Weigh several predictions into one, by held-out data: stacked generalisation (Wolpert 1992) with few weights."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit, log_softmax, logsumexp

from redcore._types import AnyArray
from redcore.data import HasTargetKind, TargetKind

__all__ = ["StackingWeights"]

ASSUMED_SAMPLES = 2.0
"""How many samples the weights that are assumed without data count for, in the pull of the fitted ones to them."""

ASSUMED_SAMPLES_OF_NUMBERS = 20.0
"""The same for regression, where held-out samples that chose the epoch of a network flatter it by about 0.1 of R2."""

LEAST_WEIGHT = 0.1
"""Least sum of weights, but for regression: where no source was of use for few held-out samples, they still rank."""


@dataclass(frozen=True, eq=False)
class StackingWeights(HasTargetKind):
    """Non-negative weights of S sources, each a prediction by log-probabilities, logits of labels, or numbers.

    Those of numbers sum to at most 1: what is combined is no further from the mean than its sources.

    Attributes
    ----------
    kind : str
        Target kind.
    weights : array (S,)
    """

    kind: TargetKind
    weights: AnyArray

    @classmethod
    def fit(
        cls,
        sources: AnyArray,
        target: AnyArray,
        kind: TargetKind,
        assumed: AnyArray,
        n_independent: int | None = None,
        weights: AnyArray | None = None,
    ) -> "StackingWeights":
        """Find the weights with the least log loss (or squared error).

        Parameters
        ----------
        sources : array (n_samples, S, n_outputs)
        target : array
            Class codes (n_samples,), or (n_samples, n_outputs).
        kind : str
        assumed : array (S,)
            Where the search starts, and what the weights are pulled to.
        n_independent : int, optional
            How many of the samples are different ones, where some are there several times; default: all. The fewer,
            the stronger the pull.
        weights : array (n_samples,), optional
            How much each sample counts.
        """
        strength = ASSUMED_SAMPLES_OF_NUMBERS if kind.is_regression else ASSUMED_SAMPLES
        pull = strength / max(1, n_independent or len(sources))
        counts = np.ones(len(sources)) if weights is None else weights

        def loss(mixture: AnyArray) -> tuple[float, AnyArray]:
            combined = np.einsum("nsk,s->nk", sources, mixture)
            losses, slope = _loss(combined, target, kind)
            gradient = np.einsum("nsk,nk->s", sources, slope * counts[:, None] / len(counts))
            gradient += 2 * pull * (mixture - assumed)
            return float(counts @ losses) / len(counts) + pull * float(((mixture - assumed) ** 2).sum()), gradient

        bounds = [(0.0, None)] * len(assumed)
        if kind.is_regression:
            at_most_1 = LinearConstraint(np.ones((1, len(assumed))), ub=1.0)
            found = minimize(loss, assumed, jac=True, method="SLSQP", bounds=bounds, constraints=at_most_1)
        else:
            found = minimize(loss, assumed, jac=True, method="L-BFGS-B", bounds=bounds)
        mixture = found.x.clip(min=0.0) if np.isfinite(found.x).all() else assumed
        if not kind.is_regression and mixture.sum() < LEAST_WEIGHT:
            mixture = assumed * LEAST_WEIGHT / assumed.sum()
        return cls(kind, mixture)

    def combine(self, sources: AnyArray) -> AnyArray:
        """Return logits, or numbers, (n_samples, n_outputs)."""
        combined: AnyArray = np.einsum("nsk,s->nk", sources, self.weights)
        return combined


def _loss(combined: AnyArray, target: AnyArray, kind: TargetKind) -> tuple[AnyArray, AnyArray]:
    """Return the loss of every sample and its gradient by `combined`."""
    if kind.is_classification:
        rows = np.arange(len(combined))
        slope = np.exp(log_softmax(combined, axis=1))
        slope[rows, target] -= 1
        return logsumexp(combined, axis=1) - combined[rows, target], slope
    n_outputs = combined.shape[1]
    if kind.is_multilabel:
        value = np.logaddexp(0, combined) - target * combined
        return value.mean(axis=1), (expit(combined) - target) / n_outputs
    return ((combined - target) ** 2).mean(axis=1), 2 * (combined - target) / n_outputs
