"""Linear discriminant analysis with a shrunk covariance: evidence of one modality that adds up with that of others."""

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from redcore._types import AnyArray, IntArray
from redcore.data import Target

__all__ = ["fit_discriminant"]

MAX_COMPONENTS = 100
"""Most principal components that densities are fitted to: the covariance of more is mostly noise, and slow."""

VARIANCE_FLOOR = 1e-6


def fit_discriminant(values: AnyArray, target: Target) -> tuple[AnyArray, AnyArray]:
    """Fit Gaussian class densities with one covariance to the features of one modality.

    With the covariance S, shrunk as Ledoit and Wolf (2004) do, and the class means ``m_k``, the evidence for class k is
    ``log p(x | k) - log p(x | grand mean)``, which is linear in x. Evidence of modalities that are independent given
    the class adds up, and the class frequencies enter once, however many modalities are there. Nothing is known of a
    class that has no sample here: its evidence is 0, that of the grand mean.

    Parameters
    ----------
    values : array (n_samples, n_features)
    target : Target
        Of the same samples: classes, or labels, each of which is fitted as two classes.

    Returns
    -------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
    """
    if target.kind == "multilabel":
        labels = [_evidence(values, label, 2, target.weights) for label in target.values.T.astype(np.int64)]
        differences = [(c[:, 1] - c[:, 0], b[1] - b[0]) for c, b in labels]
        return np.stack([c for c, _ in differences], axis=1), np.array([b for _, b in differences])
    return _evidence(values, target.values, target.n_outputs, target.weights)


def _evidence(values: AnyArray, codes: IntArray, n_classes: int, weights: AnyArray | None) -> tuple[AnyArray, AnyArray]:
    counts = np.ones(len(values)) if weights is None else weights
    components = _components(values)
    centre = np.average(values, axis=0, weights=counts)
    reduced = (values - centre) @ components
    means = _class_means(reduced, codes, n_classes, counts)
    covariance = _within_covariance((reduced - means[codes]) * np.sqrt(counts)[:, None], len(np.unique(codes)))
    slopes = np.linalg.solve(covariance, means.T)
    coefficients = components @ slopes
    return coefficients, -0.5 * (means.T * slopes).sum(axis=0) - centre @ coefficients


def _components(values: AnyArray) -> AnyArray:
    """Return the directions of the largest variance, (n_features, n_components)."""
    n_components = min(MAX_COMPONENTS, values.shape[1], max(1, len(values) - 1))
    if n_components == values.shape[1] or len(values) < 2 or not np.ptp(values, axis=0).any():
        return np.eye(values.shape[1])[:, :n_components]
    return np.asarray(PCA(n_components, random_state=0).fit(values).components_.T)


def _class_means(values: AnyArray, codes: IntArray, n_classes: int, counts: AnyArray) -> AnyArray:
    """Return the mean of each class, (n_classes, n_features); 0, the grand mean, for classes without a sample."""
    totals = np.zeros((n_classes, values.shape[1]))
    np.add.at(totals, codes, values * counts[:, None])
    sizes = np.bincount(codes, counts, minlength=n_classes)
    return totals / np.where(sizes > 0, sizes, 1.0)[:, None]


def _within_covariance(residuals: AnyArray, n_means: int) -> AnyArray:
    covariance, _ = ledoit_wolf(residuals, assume_centered=True)
    # the means took their share of the freedom
    covariance = np.atleast_2d(covariance) * len(residuals) / max(1, len(residuals) - n_means)
    floor = VARIANCE_FLOOR + VARIANCE_FLOOR * np.trace(covariance) / len(covariance)
    return np.asarray(covariance + floor * np.eye(len(covariance)))
