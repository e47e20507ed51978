"""Logistic regression with an L2 penalty, for several strengths of the penalty in turn."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from redcore._types import AnyArray, IntArray

__all__ = ["logistic_path"]

GRADIENT_TOLERANCE = 1e-6
"""Largest element of the gradient of the mean loss at the solution, per unit of the scaled parameters."""

LEAST_FREQUENCY = 1e-6
"""Lower bound of class frequencies in the scale of the parameters, for classes whose samples have weight 0."""

Slopes = Callable[[AnyArray], tuple[float, AnyArray]]
"""Map logits (n_samples, n_columns) to the summed loss and its gradient with respect to the logits."""


def logistic_path(
    values: AnyArray,
    codes: IntArray,
    n_classes: int,
    strengths: Sequence[float],
    max_iter: int,
    counts: AnyArray | None = None,
    tolerance: float = GRADIENT_TOLERANCE,
) -> Iterator[tuple[AnyArray, AnyArray]]:
    """Minimise ``C * sum_i counts_i loss_i + ||coefficients||^2 / 2`` for each C by L-BFGS.

    The parameters are scaled by the diagonal of the Hessian at constant predictions, so that few iterations suffice if
    the columns of `values` are uncorrelated. Each solution is the start of the search for the next one.

    Parameters
    ----------
    values : array (n_samples, n_features), double
    codes : int array (n_samples,)
        Class codes; each of the `n_classes` classes occurs.
    n_classes : int >= 2
    strengths : sequence of float
        Values of C, increasing for the fastest search.
    max_iter : int
        Maximum number of iterations for each C. A warning reports that it was reached.
    counts : array (n_samples,), optional
        Weight of each sample.
    tolerance : float
        Largest element of the scaled gradient at the solution.

    Yields
    ------
    coefficients : array (n_features, n_columns)
        One column per class; for two classes only the logit of the second.
    intercepts : array (n_columns,)
        With mean 0 over more than two classes.
    """
    weights = np.ones(len(values)) if counts is None else counts
    frequencies = np.bincount(codes, weights, minlength=n_classes) / weights.sum()
    frequencies = frequencies.clip(LEAST_FREQUENCY, 1 - LEAST_FREQUENCY)
    intercepts = np.log(frequencies)
    if n_classes == 2:
        frequencies, intercepts = frequencies[1:], np.diff(intercepts)
    slopes = _binary(codes, weights) if n_classes == 2 else _multinomial(codes, weights)
    problem = _Problem(values, weights, slopes, frequencies * (1 - frequencies))
    parameters = np.vstack([np.zeros((values.shape[1], len(intercepts))), intercepts])
    for strength in strengths:
        parameters = problem.solve(strength, parameters, max_iter, tolerance)
        if n_classes > 2:
            parameters[-1] -= parameters[-1].mean()
        yield parameters[:-1], parameters[-1]


class _Problem:
    """Penalised log loss as a function of coefficients and intercepts, (n_features + 1, n_columns)."""

    def __init__(self, values: AnyArray, weights: AnyArray, slopes: Slopes, curvature: AnyArray) -> None:
        self.values, self.slopes, self.total = values, slopes, float(weights.sum())
        second_moments = np.append(weights @ values**2 / self.total, 1.0)
        self.curvature = second_moments[:, None] * curvature

    def solve(self, strength: float, start: AnyArray, max_iter: int, tolerance: float) -> AnyArray:
        """Return the parameters with the smallest penalised loss for one C."""
        from scipy.optimize import minimize

        penalty = np.full((len(start), 1), 1 / (strength * self.total))
        penalty[-1] = 0.0
        scale = 1 / np.sqrt(self.curvature + penalty)

        def loss(flat: AnyArray) -> tuple[float, AnyArray]:
            parameters = flat.reshape(scale.shape) * scale
            value, slope = self.slopes(self.values @ parameters[:-1] + parameters[-1])
            gradient = np.vstack([self.values.T @ slope, slope.sum(axis=0)]) / self.total
            penalised = penalty * parameters
            value = value / self.total + 0.5 * float((penalised * parameters).sum())
            return value, ((gradient + penalised) * scale).ravel()

        options = {"maxiter": max_iter, "maxfun": 2 * max_iter + 20, "gtol": tolerance, "ftol": 1e-14}
        result = minimize(loss, (start / scale).ravel(), jac=True, method="L-BFGS-B", options=options)
        if result.status == 1:
            warnings.warn(f"a logistic regression did not converge in max_iter={max_iter} iterations", stacklevel=2)
        return np.asarray(result.x.reshape(scale.shape) * scale)


def _binary(codes: IntArray, weights: AnyArray) -> Slopes:
    signs = (1.0 - 2 * codes)[:, None]
    weights = weights[:, None]

    def slopes(logits: AnyArray) -> tuple[float, AnyArray]:
        margins = signs * logits
        losses = np.logaddexp(0, margins)
        return float((weights * losses).sum()), weights * signs * np.exp(margins - losses)

    return slopes


def _multinomial(codes: IntArray, weights: AnyArray) -> Slopes:
    rows = np.arange(len(codes))

    def slopes(logits: AnyArray) -> tuple[float, AnyArray]:
        logits -= logits.max(axis=1, keepdims=True)
        of_class = logits[rows, codes]
        np.exp(logits, out=logits)
        sums = logits.sum(axis=1)
        value = float(weights @ (np.log(sums) - of_class))
        logits *= (weights / sums)[:, None]
        logits[rows, codes] -= weights
        return value, logits

    return slopes
