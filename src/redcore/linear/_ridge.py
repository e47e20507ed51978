"""Ridge regression for several strengths of the penalty from one decomposition."""

from collections.abc import Iterator, Sequence

import numpy as np

from redcore._types import AnyArray

__all__ = ["ridge_path"]


def ridge_path(
    values: AnyArray, numbers: AnyArray, strengths: Sequence[float], counts: AnyArray | None = None
) -> Iterator[tuple[AnyArray, AnyArray]]:
    """Minimise ``sum_i counts_i squared error_i + alpha * ||coefficients||^2`` for each alpha, in closed form.

    The normal equations are solved in min(n_samples, n_features) dimensions. Their matrix is decomposed once for all
    strengths.

    Parameters
    ----------
    values : array (n_samples, n_features), double
    numbers : array (n_samples, n_outputs)
    strengths : sequence of float > 0
        Values of alpha.
    counts : array (n_samples,), optional
        Weight of each sample.

    Yields
    ------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
    """
    weights = np.ones(len(values)) if counts is None else counts
    centre, mean = (weights @ part / weights.sum() for part in (values, numbers))
    values, numbers = values - centre, numbers - mean
    if counts is not None:
        root = np.sqrt(counts)[:, None]
        values, numbers = values * root, numbers * root
    is_dual = values.shape[1] > len(values)
    gram = values @ values.T if is_dual else values.T @ values
    right = numbers if is_dual else values.T @ numbers
    for solution in _solutions(gram, right, strengths):
        coefficients = values.T @ solution if is_dual else solution
        yield coefficients, mean - centre @ coefficients


def _solutions(gram: AnyArray, right: AnyArray, strengths: Sequence[float]) -> Iterator[AnyArray]:
    """Yield ``(gram + alpha I)^-1 right`` for each alpha."""
    if len(strengths) == 1:
        gram[np.diag_indices_from(gram)] += strengths[0]
        yield np.linalg.solve(gram, right)
        return
    eigenvalues, vectors = np.linalg.eigh(gram)
    rotated = vectors.T @ right
    for strength in strengths:
        yield vectors @ (rotated / (eigenvalues.clip(min=0.0) + strength)[:, None])
