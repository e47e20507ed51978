"""Logistic regression of the hazards of discrete times, with an L2 penalty, for several strengths in turn."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from redcore._types import AnyArray
from redcore.linear._logistic import GRADIENT_TOLERANCE

__all__ = ["hazard_losses", "hazard_path"]

LEAST_HAZARD = 1e-6


def hazard_path(
    values: AnyArray,
    positions: AnyArray,
    n_bins: int,
    strengths: Sequence[float],
    max_iter: int,
    counts: AnyArray | None = None,
    tolerance: float = GRADIENT_TOLERANCE,
) -> Iterator[tuple[AnyArray, AnyArray]]:
    """Minimise ``C * sum_i counts_i loss_i + ||coefficients||^2 / 2`` for each C by L-BFGS.

    The log-odds of the hazard in bin k are ``values @ coefficients + intercepts[k]``: one coefficient per feature for
    all bins, as in the model of Cox, of which this is the version for discrete times. The loss is that of
    `redcore.nn.Objective`: a logistic regression with one row per sample and bin in which the sample is at risk.

    Parameters
    ----------
    values : array (n_samples, n_features), double
    positions : array (n_samples, 2)
        Positions and events; see `redcore.data.TimeGrid.positions`.
    n_bins : int
    strengths, max_iter, counts, tolerance
        As in `logistic_path`.

    Yields
    ------
    coefficients : array (n_features,)
    intercepts : array (n_bins,)
    """
    problem = _Problem(values, positions, n_bins, np.ones(len(values)) if counts is None else counts)
    parameters = problem.start
    for strength in strengths:
        parameters = problem.solve(strength, parameters, max_iter, tolerance)
        yield parameters[:-n_bins], parameters[-n_bins:]


def hazard_losses(logits: AnyArray, positions: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return the negative log-likelihood of every sample and its gradient with respect to the logits.

    Parameters
    ----------
    logits : array (n_samples, n_bins)
        Log-odds of the hazards.
    positions : array (n_samples, 2)
        Positions and events; see `redcore.data.TimeGrid.positions`.

    Returns
    -------
    losses : array (n_samples,)
    slope : array (n_samples, n_bins)
    """
    at_risk, bins, events = _parts(positions, logits.shape[1])
    rows, softplus = np.arange(len(logits)), np.logaddexp(0, logits)
    slope = at_risk * np.exp(logits - softplus)
    slope[rows, bins] -= events
    return (softplus * at_risk).sum(axis=1) - events * logits[rows, bins], slope


def _parts(positions: AnyArray, n_bins: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return the share of each bin in which a sample is at risk, the bin of its event, and its event."""
    position, events = positions.astype(np.float64).T
    at_risk = (position[:, None] - np.arange(n_bins)).clip(0, 1)
    return at_risk, (position - 1).clip(min=0).astype(np.int64), events


class _Problem:
    """Penalised negative log-likelihood as a function of coefficients and intercepts, (n_features + n_bins,)."""

    def __init__(self, values: AnyArray, positions: AnyArray, n_bins: int, counts: AnyArray) -> None:
        self.values, self.n_bins, self.total = values, n_bins, float(counts.sum())
        at_risk, bins, events = _parts(positions, n_bins)
        self.weights = at_risk * (counts / self.total)[:, None]
        self.events = events * counts / self.total
        self.with_event = np.bincount(bins, self.events, minlength=n_bins)
        exposure = self.weights.sum(axis=0)
        hazards = np.divide(self.with_event, exposure, out=np.zeros(n_bins), where=exposure > 0)
        hazards = hazards.clip(LEAST_HAZARD, 1 - LEAST_HAZARD)
        self.start = np.concatenate([np.zeros(values.shape[1]), np.log(hazards) - np.log1p(-hazards)])
        variance = hazards * (1 - hazards)
        self.curvature = np.concatenate([(self.weights @ variance) @ values**2, exposure * variance])

    def solve(self, strength: float, start: AnyArray, max_iter: int, tolerance: float) -> AnyArray:
        """Return the parameters with the smallest penalised loss for one C."""
        from scipy.optimize import minimize

        # a bin in which no sample is at risk keeps its intercept
        penalty = np.full(len(start), 1 / (strength * self.total))
        penalty[-self.n_bins :] = 0.0
        scale = 1 / np.sqrt(self.curvature + penalty + LEAST_HAZARD / self.total)

        def loss(scaled: AnyArray) -> tuple[float, AnyArray]:
            parameters = scaled * scale
            predictor = self.values @ parameters[: -self.n_bins]
            logits = predictor[:, None] + parameters[-self.n_bins :]
            softplus = np.logaddexp(0, logits)
            slope = self.weights * np.exp(logits - softplus)
            value = float((self.weights * softplus).sum() - self.events @ predictor)
            value -= float(self.with_event @ parameters[-self.n_bins :])
            gradient = np.concatenate(
                [self.values.T @ (slope.sum(axis=1) - self.events), slope.sum(axis=0) - self.with_event]
            )
            penalised = penalty * parameters
            return value + 0.5 * float(penalised @ parameters), (gradient + penalised) * scale

        options = {"maxiter": max_iter, "maxfun": 2 * max_iter + 20, "gtol": tolerance, "ftol": 1e-14}
        result = minimize(loss, start / scale, jac=True, method="L-BFGS-B", options=options)
        if result.status == 1:
            warnings.warn(f"a hazard regression did not converge in max_iter={max_iter} iterations", stacklevel=2)
        return np.asarray(result.x * scale)
