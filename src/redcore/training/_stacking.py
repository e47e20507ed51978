"""Weigh several predictions into one, by held-out data: stacked generalisation (Wolpert 1992) with few weights."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp

from redcore._types import AnyArray
from redcore.data import TargetKind

__all__ = ["Stack"]

ASSUMED_SAMPLES = 2.0
"""How many samples the weights that are assumed without data count for, in the pull of the fitted ones to them."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Non-negative weights of S sources, each a prediction by log-probabilities, logits of labels, or numbers.

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
        cls, sources: AnyArray, target: AnyArray, kind: TargetKind, assumed: AnyArray, n_independent: int | None = None
    ) -> "Stack":
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
        """
        pull = ASSUMED_SAMPLES / max(1, n_independent or len(sources))

        def loss(weights: AnyArray) -> tuple[float, AnyArray]:
            combined = np.einsum("nsk,s->nk", sources, weights)
            value, slope = _loss(combined, target, kind)
            gradient = np.einsum("nsk,nk->s", sources, slope) + 2 * pull * (weights - assumed)
            return value + pull * float(((weights - assumed) ** 2).sum()), gradient

        found = minimize(loss, assumed, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(assumed))
        return cls(kind, found.x if np.isfinite(found.x).all() else assumed)

    def combine(self, sources: AnyArray) -> AnyArray:
        """Return logits, or numbers, (n_samples, n_outputs)."""
        combined: AnyArray = np.einsum("nsk,s->nk", sources, self.weights)
        return combined


def _loss(combined: AnyArray, target: AnyArray, kind: TargetKind) -> tuple[float, AnyArray]:
    """Return the mean loss and its gradient by `combined`."""
    n_samples = len(combined)
    if kind in ("binary", "multiclass"):
        rows = np.arange(n_samples)
        slope = np.exp(log_softmax(combined, axis=1))
        slope[rows, target] -= 1
        return float((logsumexp(combined, axis=1) - combined[rows, target]).mean()), slope / n_samples
    if kind == "multilabel":
        value = np.logaddexp(0, combined) - target * combined
        return float(value.mean()), (expit(combined) - target) / combined.size
    return float(((combined - target) ** 2).mean()), 2 * (combined - target) / combined.size
