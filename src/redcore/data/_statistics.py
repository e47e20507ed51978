"""Statistics of features that come in pieces."""

from collections.abc import Iterable

import numpy as np

from redcore._types import AnyArray

__all__ = ["moments", "skewness"]

RESOLUTION = 1e-7
"""A spread below this share of the values' size is rounding of float32, not signal."""


def moments(pieces: Iterable[AnyArray], n_features: int) -> tuple[AnyArray, AnyArray]:
    """Return mean and scale of every feature, float64 (n_features,); the scale of a constant one is 1.

    Parameters
    ----------
    pieces : iterable of array (n, n_features)
        None of them empty.
    n_features : int
    """
    count, mean, squares = 0, np.zeros(n_features), np.zeros(n_features)
    for values in pieces:
        # Chan, Golub, LeVeque (1979): means and squared deviations of two parts make those of the whole
        here, total = values.mean(axis=0, dtype=np.float64), count + len(values)
        shift = here - mean
        squares += ((values - here) ** 2).sum(axis=0) + shift**2 * (count * len(values) / total)
        mean, count = mean + shift * (len(values) / total), total
    deviation = np.sqrt(squares / max(1, count))
    return mean, np.where(deviation <= RESOLUTION * np.abs(mean), 1.0, deviation)


def skewness(rows: AnyArray) -> AnyArray:
    """Return the skewness of every feature, float64 (n_features,); 0 for constant ones, or without rows."""
    if not len(rows):
        return np.zeros(rows.shape[1])
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    constant = spread <= RESOLUTION * np.abs(rows).max(axis=0)
    cubes: AnyArray = ((centred / np.where(constant, 1.0, spread)) ** 3).mean(axis=0)
    return np.where(constant, 0.0, cubes)
