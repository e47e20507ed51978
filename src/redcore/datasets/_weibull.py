"""Weibull times to an event with a Gaussian log hazard ratio, and their optimal prediction."""

from dataclasses import dataclass

import numpy as np

from redcore._types import AnyArray, FloatArray

__all__ = ["WeibullTimes"]

N_NODES = 40
"""Number of nodes of a quadrature over a normal distribution."""
MAX_DIFFERENCE = 9.0
"""Upper limit of integrals over a standard half-normal variable."""


@dataclass(frozen=True)
class WeibullTimes:
    """Proportional hazards ``h(t) = shape t^(shape - 1) exp(effect z)`` with independent censoring.

    Attributes
    ----------
    effect : float
        Log hazard ratio of one standard deviation of z, which is standard normal.
    shape : float
        1 for a constant hazard; above 1, the hazard grows with time.
    latest : float
        Censoring times are uniform between 0 and this time.
    """

    effect: float = 1.5
    shape: float = 1.5
    latest: float = 4.0

    def sample(self, z: AnyArray, rng: np.random.Generator) -> tuple[FloatArray, AnyArray]:
        """Draw times and events (True) or censored times (False) for z (n_samples,)."""
        times = (rng.exponential(size=len(z)) * np.exp(-self.effect * z)) ** (1 / self.shape)
        censored = self.latest * rng.uniform(size=len(z))
        return np.minimum(times, censored).clip(min=1e-6), times <= censored

    def curves(self, means: AnyArray, variances: AnyArray, times: AnyArray) -> FloatArray:
        """Return the probability of survival if z is normally distributed, (n_samples, n_times).

        Parameters
        ----------
        means, variances : array (n_samples,)
        times : array (n_times,)
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
        z = means[:, None] + np.sqrt(variances)[:, None] * nodes
        cumulative = np.exp(self.effect * z)[:, None, :] * (times**self.shape)[None, :, None]
        return np.asarray(np.exp(-cumulative) @ (weights / weights.sum()))

    def best_concordance(self, explained: float) -> float:
        """Return the largest possible concordance without censoring.

        Parameters
        ----------
        explained : float
            Variance of the posterior mean of z, in [0, 1].

        Examples
        --------
        >>> round(WeibullTimes().best_concordance(0.0), 3), round(WeibullTimes().best_concordance(1.0), 3)
        (0.5, 0.787)
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(2 * N_NODES)
        # the difference of the posterior means is half-normal: Gauss-Legendre, because of its kink at 0
        legendre, lengths = np.polynomial.legendre.leggauss(2 * N_NODES)
        differences = MAX_DIFFERENCE * (1 + legendre) / 2
        densities = lengths * np.exp(-(differences**2) / 2)
        z = np.sqrt(explained) * differences[:, None] + np.sqrt(1 - explained) * nodes
        first_is_earlier = 1 / (1 + np.exp(-np.sqrt(2) * self.effect * z))
        return float(densities @ first_is_earlier @ weights / (densities.sum() * weights.sum()))
