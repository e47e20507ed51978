"""Factor analysis of several modalities, any of which may be missing in a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.nn import inverse

__all__ = ["View", "fit_loadings", "inverse_noise_times", "posterior_covariances"]

N_STEPS = 30
PRIOR_SAMPLES = 50.0
"""Strength, in samples of pure noise, of the shrinkage of the loadings towards 0: few pairs suggest no factors."""

LARGEST_LOADING = 0.99
"""Largest singular value of the loadings. It leaves every modality some noise variance."""


@dataclass(frozen=True, eq=False)
class View:
    """The whitened residuals of the samples that observe a modality.

    Attributes
    ----------
    rows : int array (n_observed,)
        Samples, without repetition.
    values : array (n_observed, n_components)
        Mean 0, covariance the identity.
    counts : array (n_observed,)
        Weight of each sample.
    """

    rows: IntArray
    values: AnyArray
    counts: AnyArray


def fit_loadings(views: Sequence[View], n_samples: int, n_factors: int) -> list[AnyArray]:
    """Fit ``z_m = L_m s + e_m`` with ``s ~ N(0, I)`` and ``e_m ~ N(0, I - L_m L_m^T)`` by expectation-maximisation.

    The posterior of the factors s of a sample is computed from its observed modalities. Two modalities that are rarely
    observed together may therefore still be related through a third one. The covariance of each modality stays the
    identity.

    Parameters
    ----------
    views : sequence of View
    n_samples : int
    n_factors : int
        0 for a model without shared factors.

    Returns
    -------
    list of array (n_components, n_factors)
        ``L_m``, with singular values of at most 0.99.
    """
    rng = np.random.default_rng(0)
    loadings = [_limited(rng.normal(size=(view.values.shape[1], n_factors)), 0.5) for view in views]
    if n_factors == 0:
        return loadings
    availability = np.zeros((n_samples, len(views)), dtype=bool)
    for column, view in enumerate(views):
        availability[view.rows, column] = True
    patterns, inverse = np.unique(availability, axis=0, return_inverse=True)
    pattern_of = inverse.ravel()  # (n, 1) in NumPy 2.0
    counts = [np.bincount(pattern_of[view.rows], view.counts, minlength=len(patterns)) for view in views]
    for _ in range(N_STEPS):
        factors, covariances = _posterior(views, loadings, patterns, pattern_of)
        spread = [np.tensordot(count, covariances, axes=1) for count in counts]
        loadings = [_regressed(view, factors[view.rows], one) for view, one in zip(views, spread, strict=True)]
    return loadings


def inverse_noise_times(loading: AnyArray, right: AnyArray) -> AnyArray:
    """Return ``(I - L L^T)^-1 B`` for B (n_components, n_columns) by an inverse of size n_factors (Woodbury)."""
    inner = np.linalg.inv(np.eye(loading.shape[1]) - loading.T @ loading)
    return np.asarray(right + loading @ (inner @ (loading.T @ right)))


def posterior_covariances(patterns: Tensor, precisions: Tensor) -> Tensor:
    """Return ``(I + sum_m L_m^T (I - L_m L_m^T)^-1 L_m)^-1``, summed over the observed modalities of each pattern.

    Parameters
    ----------
    patterns : bool tensor (n_patterns, n_modalities)
    precisions : tensor (n_modalities, n_factors, n_factors)

    Returns
    -------
    tensor (n_patterns, n_factors, n_factors)
    """
    summed = torch.einsum("nm,mij->nij", patterns.double(), precisions)
    return inverse(torch.eye(precisions.shape[-1], dtype=torch.float64) + summed)


def _posterior(
    views: Sequence[View], loadings: Sequence[AnyArray], patterns: BoolArray, pattern_of: IntArray
) -> tuple[AnyArray, AnyArray]:
    """Return the posterior mean of the factors of every sample (n_samples, n_factors), and covariances by pattern."""
    score_weights = [inverse_noise_times(loading, loading) for loading in loadings]
    precisions = np.stack([a.T @ b for a, b in zip(loadings, score_weights, strict=True)])
    covariances = posterior_covariances(torch.from_numpy(patterns), torch.from_numpy(precisions)).numpy()
    scores = np.zeros((len(pattern_of), covariances.shape[1]))
    for view, weights in zip(views, score_weights, strict=True):
        scores[view.rows] += view.values @ weights
    return np.einsum("nij,nj->ni", covariances[pattern_of], scores), covariances


def _regressed(view: View, factors: AnyArray, spread: AnyArray) -> AnyArray:
    """Return the regression of the values on the factors, given their posterior means and summed covariance."""
    weighted = factors * view.counts[:, None]
    second = factors.T @ weighted + spread + PRIOR_SAMPLES * np.eye(len(spread))
    return _limited(np.linalg.solve(second, weighted.T @ view.values).T, LARGEST_LOADING)


def _limited(matrix: AnyArray, largest: float) -> AnyArray:
    """Return the matrix with its singular values limited to `largest`."""
    if 0 in matrix.shape:
        return matrix
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left * np.minimum(values, largest) @ right)
