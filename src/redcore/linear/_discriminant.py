"""Discriminant analysis of several modalities, any of which may be missing, with shared factors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.linear._factor_analysis import View, fit_loadings, inverse_noise, posterior_covariances
from redcore.linear._unimodal import observed

__all__ = ["Density", "Discriminant"]

MAX_COMPONENTS = 100
"""Most principal components that densities are fitted to: the covariance of more is mostly noise, and slow."""

N_FACTORS = 8
VARIANCE_FLOOR = 1e-6
MAX_PATTERNS = 1024
"""Missing patterns that are worked on at once, to bound memory."""


@dataclass(frozen=True, eq=False)
class Density:
    """The class densities of one modality, reduced to what evidence is made from.

    Attributes
    ----------
    coefficients : array (n_features, n_outputs)
    intercepts : array (n_outputs,)
        Evidence for each class if the factors were 0.
    readings : array (n_features, n_factors)
    offsets : array (n_factors,)
        What the modality tells of the factors: ``x @ readings + offsets``.
    class_readings : array (n_outputs, n_factors)
        The same of the mean of each class.
    precision : array (n_factors, n_factors)
        How well it tells them.
    """

    coefficients: AnyArray
    intercepts: AnyArray
    readings: AnyArray
    offsets: AnyArray
    class_readings: AnyArray
    precision: AnyArray


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Gaussian class densities of all modalities, with one covariance for all classes.

    Within a class, modalities are tied by a few shared factors s: ``x_m = m_mk + L_m s + e_m``, with ``s ~ N(0, I)``
    and noise of its own for each modality. What the present modalities tell of the factors is taken out of what they
    tell of the class: noise that they have in common is not counted as evidence twice, and a modality that shows the
    noise of another sharpens it. Without factors it is linear discriminant analysis, modality by modality.

    Attributes
    ----------
    densities : dict of str to Density
        Of the modalities that some sample observed in training.
    """

    densities: dict[str, Density]

    @classmethod
    def fit(cls, data: MultimodalData) -> "Discriminant":
        """Fit densities to vectors. Of a class without a sample nothing is known: its mean is the grand mean.

        The covariance of each modality is shrunk as Ledoit and Wolf (2004) do. Each label of a multi-label target is
        fitted as two classes, without factors.
        """
        assert data.target is not None
        if data.target.kind.is_multilabel:
            return cls({name: _of_labels(values, target) for name, _, values, target in observed(data)})
        whitened: dict[str, _Whitened] = {}
        views = []
        for name, rows, values, target in observed(data):
            whitened[name], residuals = _Whitened.fit(values, target.values, target.n_outputs, target.counts)
            views.append(View(rows, residuals, target.counts))
        loadings = fit_loadings(views, data.n_samples, N_FACTORS if len(views) > 1 else 0)
        pairs = zip(whitened.items(), loadings, strict=True)
        return cls({name: one.density(loading) for (name, one), loading in pairs})

    def evidence(self, data: MultimodalData) -> AnyArray:
        """Return ``log p(x | k) - log p(x | grand mean)`` of each sample and class, (n_samples, n_outputs).

        With h the sum of the readings of the present modalities, ``h_k`` the same of the class means, and P the sum of
        the precisions, it is the sum of what the modalities say alone, less ``h_k (I + P)^-1 h``, plus
        ``h_k (I + P)^-1 h_k / 2``.
        """
        fitted = [name for name in data.names if name in self.densities]
        densities = [self.densities[name] for name in fitted]
        n_outputs, n_factors = densities[0].class_readings.shape
        total, pull = np.zeros((data.n_samples, n_outputs)), np.zeros((data.n_samples, n_factors))
        for name, density in zip(fitted, densities, strict=True):
            seen = data.modalities[name].gather(np.arange(data.n_samples))
            if not seen.rows.size:
                continue
            values = seen.values.astype(np.float64)
            total[seen.rows] += values @ density.coefficients + density.intercepts
            pull[seen.rows] += values @ density.readings + density.offsets
        if n_factors:
            availability = data.availability[:, [data.names.index(name) for name in fitted]]
            total += _of_factors(densities, availability, pull)
        return total

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        return {
            f"{field.name}/{name}": getattr(density, field.name)
            for name, density in self.densities.items()
            for field in fields(Density)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: tuple[str, ...]) -> "Discriminant":
        """Restore what `to_arrays` returned, for the modalities `names`."""
        fitted = [name for name in names if f"coefficients/{name}" in arrays]
        parts = [field.name for field in fields(Density)]
        return cls({name: Density(**{part: arrays[f"{part}/{name}"] for part in parts}) for name in fitted})


def _of_factors(densities: Sequence[Density], availability: BoolArray, pull: AnyArray) -> AnyArray:
    """Return what the factors change in the evidence, (n_samples, n_outputs).

    Parameters
    ----------
    densities : sequence of Density
    availability : bool array (n_samples, n_modalities)
        Of the same modalities.
    pull : array (n_samples, n_factors)
        Sums of the readings.
    """
    precisions = np.stack([density.precision for density in densities])
    class_readings = np.stack([density.class_readings for density in densities])
    patterns, pattern_of = np.unique(availability, axis=0, return_inverse=True)
    covariances = posterior_covariances(patterns, precisions)
    factors = np.einsum("nij,nj->ni", covariances[pattern_of], pull)
    constants = np.empty((len(patterns), class_readings.shape[1]))
    for start in range(0, len(patterns), MAX_PATTERNS):
        part = slice(start, start + MAX_PATTERNS)
        classes = np.tensordot(patterns[part].astype(np.float64), class_readings, axes=1)
        constants[part] = 0.5 * (classes @ covariances[part] * classes).sum(axis=2)
    change = constants[pattern_of]
    for column, readings in enumerate(class_readings):
        change -= (factors @ readings.T) * availability[:, column, None]
    return change


@dataclass(frozen=True, eq=False)
class _Whitened:
    """Class means in coordinates ``(x - centre) @ axes``, in which the covariance within classes is the identity."""

    centre: AnyArray
    axes: AnyArray
    means: AnyArray

    @classmethod
    def fit(cls, values: AnyArray, codes: IntArray, n_classes: int, counts: AnyArray) -> "tuple[_Whitened, AnyArray]":
        """Return it and the residuals of the samples, (n_samples, n_components)."""
        components = _components(values)
        centre = np.average(values, axis=0, weights=counts)
        reduced = (values - centre) @ components
        means = _class_means(reduced, codes, n_classes, counts)
        residuals = reduced - means[codes]
        covariance = _within_covariance(residuals * np.sqrt(counts)[:, None], len(np.unique(codes)))
        variances, directions = np.linalg.eigh(covariance)
        whiten = directions / np.sqrt(variances)
        return cls(centre, components @ whiten, means @ whiten), residuals @ whiten

    def density(self, loading: AnyArray) -> Density:
        """Return evidence for loadings (n_components, n_factors) on the factors."""
        noise = inverse_noise(loading)
        slopes = noise @ self.means.T
        coefficients, readings = self.axes @ slopes, self.axes @ noise @ loading
        intercepts = -0.5 * (self.means.T * slopes).sum(axis=0) - self.centre @ coefficients
        precision = loading.T @ noise @ loading
        return Density(
            coefficients, intercepts, readings, -self.centre @ readings, self.means @ noise @ loading, precision
        )


def _of_labels(values: AnyArray, target: Target) -> Density:
    found = [_two_classes(values, label, target.counts) for label in target.values.T.astype(np.int64)]
    coefficients, intercepts = (np.stack(part, axis=-1) for part in zip(*found, strict=True))
    n_features, n_outputs = coefficients.shape
    none = np.zeros((0, 0))
    return Density(coefficients, intercepts, np.zeros((n_features, 0)), np.zeros(0), np.zeros((n_outputs, 0)), none)


def _two_classes(values: AnyArray, label: IntArray, counts: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return coefficients (n_features,) and intercept of the log-density ratio of samples with and without a label."""
    one = _Whitened.fit(values, label, 2, counts)[0]
    density = one.density(np.zeros((one.means.shape[1], 0)))
    return np.diff(density.coefficients)[:, 0], np.diff(density.intercepts)[0]


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
