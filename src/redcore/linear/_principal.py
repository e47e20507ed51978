"""Samples in the coordinates of their principal axes, without a matrix larger than the smaller side of the table."""

from dataclasses import dataclass

import numpy as np

from redcore._types import AnyArray

__all__ = ["MAX_AXES", "PrincipalAxes"]

MAX_AXES = 2000
"""Largest number of samples or features, whichever is smaller, for which all principal axes are computed."""

COLUMNS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Principal axes of a table.

    The axes A are orthonormal, and ``scores = (values - centre) @ A``. With more features than samples they follow from
    the eigenvectors of the Gram matrix of the samples, and A is not stored. A linear model of the scores with an L2
    penalty is equivalent to one of the values with the same penalty, because the coefficients of the latter lie in the
    span of the axes.

    Attributes
    ----------
    values : array (n_samples, n_features)
        The table, of any precision.
    centre : array (n_features,)
        Mean of the samples.
    scores : array (n_samples, n_axes)
        Double precision, in the order of increasing variance.
    inner : array or None
        A, (n_features, n_axes), if `is_dual` is False; otherwise B with ``A = (values - centre)^T B``,
        (n_samples, n_axes). None if A is the identity.
    is_dual : bool
        True if the axes follow from the samples.
    """

    values: AnyArray
    centre: AnyArray
    scores: AnyArray
    inner: AnyArray | None
    is_dual: bool

    @classmethod
    def fit(cls, values: AnyArray) -> "PrincipalAxes":
        """Compute the axes. The cost is that of a Gram matrix and its eigenvectors, of size min(n_samples, n_features).

        With more features than samples, axes whose variance is zero up to rounding are left out.
        """
        n_samples, n_features = values.shape
        centre = values.mean(axis=0, dtype=np.float64)
        if n_features <= n_samples:
            centred = values - centre
            _, axes = np.linalg.eigh(centred.T @ centred)
            return cls(values, centre, centred @ axes, axes, is_dual=False)
        gram = np.zeros((n_samples, n_samples))
        for columns in _blocks(n_features):
            centred = values[:, columns] - centre[columns]
            gram += centred @ centred.T
        variances, vectors = np.linalg.eigh(gram)
        kept = variances > max(variances[-1] * n_samples * np.finfo(np.float64).eps, np.finfo(np.float64).tiny)
        lengths, vectors = np.sqrt(variances[kept]), vectors[:, kept]
        return cls(values, centre, vectors * lengths, vectors / lengths, is_dual=True)

    @classmethod
    def unrotated(cls, values: AnyArray) -> "PrincipalAxes":
        """Return the features as axes."""
        centre = values.mean(axis=0, dtype=np.float64)
        return cls(values, centre, values - centre, None, is_dual=False)

    def coefficients(self, of_scores: AnyArray) -> AnyArray:
        """Return coefficients (n_features, n_outputs) for the values from those for the scores, (n_axes, n_outputs)."""
        if self.inner is None:
            return of_scores
        inner = self.inner @ of_scores
        if not self.is_dual:
            return np.asarray(inner)
        result = np.empty((len(self.centre), inner.shape[1]))
        for columns in _blocks(len(self.centre)):
            result[columns] = (self.values[:, columns] - self.centre[columns]).T @ inner
        return result


def _blocks(n_features: int) -> list[slice]:
    return [slice(start, start + COLUMNS_AT_ONCE) for start in range(0, n_features, COLUMNS_AT_ONCE)]
