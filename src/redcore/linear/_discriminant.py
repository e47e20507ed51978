"""Discriminant analysis of several modalities, any of which may be missing, with shared factors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import by_suffix
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target
from redcore.linear._factor_analysis import View, fit_loadings, inverse_noise_times, posterior_covariances
from redcore.linear._model import LinearModel
from redcore.linear._principal import MAX_AXES, PrincipalAxes
from redcore.linear._unimodal import observed
from redcore.nn import Batch, unique_patterns

__all__ = ["Density", "Discriminant"]

MAX_COMPONENTS = 100
"""Largest number of principal components to which densities are fitted. The covariance of more is mostly noise."""

N_FACTORS = 8
VARIANCE_FLOOR = 1e-6


class Density(nn.Module):
    """Class densities of one modality, reduced to the terms of the log density ratio.

    Parameters
    ----------
    ratio : LinearModel
        Maps x to its log density ratio for each class at factors of 0, (n, n_outputs).
    scores : LinearModel
        Maps x to its factor scores ``L^T Psi^-1 (x - centre)``, (n, n_factors), with loadings L and noise covariance
        Psi of the modality.
    class_scores : array (n_outputs, n_factors)
        Factor scores of the class means.
    precision : array (n_factors, n_factors)
        ``L^T Psi^-1 L``, the precision that the modality adds to the factors.
    """

    class_scores: Tensor
    precision: Tensor

    def __init__(self, ratio: LinearModel, scores: LinearModel, class_scores: AnyArray, precision: AnyArray) -> None:
        super().__init__()
        self.ratio, self.scores = ratio, scores
        self.register_buffer("class_scores", torch.tensor(class_scores))
        self.register_buffer("precision", torch.tensor(precision))

    def forward(self, values: Tensor) -> Tensor:
        """Return log density ratios and factor scores side by side, (n, n_outputs + n_factors)."""
        if self.precision.shape[0] == 0:
            return self.ratio(values)  # type: ignore[no-any-return]
        return torch.cat([self.ratio(values), self.scores(values)], dim=1)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the fitted numbers, by their names in model files."""
        tensors = {
            "coefficients": self.ratio.coefficients,
            "intercepts": self.ratio.intercepts,
            "readings": self.scores.coefficients,
            "offsets": self.scores.intercepts,
            "class_readings": self.class_scores,
            "precision": self.precision,
        }
        return {name: tensor.numpy() for name, tensor in tensors.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> "Density":
        """Restore a density from the result of `to_arrays`."""
        ratio = LinearModel(arrays["coefficients"], arrays["intercepts"])
        scores = LinearModel(arrays["readings"], arrays["offsets"])
        return cls(ratio, scores, arrays["class_readings"], arrays["precision"])


class Discriminant(nn.Module):
    """Gaussian class densities of all modalities with a shared covariance.

    Within a class, shared factors s correlate the modalities: ``x_m = m_mk + L_m s + e_m`` with ``s ~ N(0, I)`` and
    independent noise e_m. Noise that the observed modalities have in common is therefore counted once, and a modality
    that measures the noise of another one makes that one more informative. Without factors the model is linear
    discriminant analysis, modality by modality.

    Parameters
    ----------
    names : sequence of str
        Modalities of a batch, in sorted order.
    densities : mapping of str to Density
        By modality, in the same order, for the modalities that at least one training sample observed.
    """

    columns: Tensor
    class_scores: Tensor
    precisions: Tensor

    def __init__(self, names: Sequence[str], densities: Mapping[str, Density]) -> None:
        super().__init__()
        self.names = list(densities)
        self.indices = [names.index(name) for name in densities]
        self.densities = nn.ModuleList(densities.values())
        stacked = {
            "columns": torch.tensor(self.indices),
            "class_scores": torch.stack([density.class_scores for density in densities.values()]),
            "precisions": torch.stack([density.precision for density in densities.values()]),
        }
        for name, tensor in stacked.items():
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def fit(cls, data: MultimodalData) -> "Discriminant":
        """Fit densities to vectors.

        The covariance of each modality is shrunk as by Ledoit and Wolf (2004). A class without samples has the grand
        mean as its mean. Each label of a multi-label target is fitted as a problem of two classes, without factors.

        Parameters
        ----------
        data : MultimodalData
            Without sequences; its target is a class or several labels.
        """
        assert data.target is not None
        if data.target.kind.is_multilabel:
            return cls(data.names, {name: _of_labels(values, target) for name, _, values, target in observed(data)})
        whitened: dict[str, _Whitened] = {}
        views = []
        for name, rows, values, target in observed(data):
            whitened[name], residuals = _Whitened.fit(
                _Components.fit(values, target.counts), target.values, target.n_outputs, target.counts
            )
            views.append(View(rows, residuals, target.counts))
        loadings = fit_loadings(views, data.n_samples, N_FACTORS if len(views) > 1 else 0)
        pairs = zip(whitened.items(), loadings, strict=True)
        return cls(data.names, {name: one.density(loading) for (name, one), loading in pairs})

    def forward(self, vectors: Batch) -> Tensor:
        """Return ``log p(x | k) - log p(x | grand mean)`` of each sample and class, (n_samples, n_outputs), double.

        Let h be the sum of the factor scores of the observed modalities, ``h_k`` the same sum for the mean of class k,
        and P the sum of the precisions. The result is the sum of the modalities' own log density ratios, minus
        ``h_k (I + P)^-1 h``, plus ``h_k (I + P)^-1 h_k / 2``.
        """
        n_outputs, n_factors = self.class_scores.shape[1:]
        summed = torch.zeros((vectors.n_samples, n_outputs + n_factors), dtype=torch.float64)
        for index, density in zip(self.indices, self.densities, strict=True):
            part = vectors.modalities[index]
            if part.rows.shape[0]:
                summed = summed + vectors.spread(index, density(part.values.double()))
        ratios, scores = summed[:, :n_outputs], summed[:, n_outputs:]
        if n_factors == 0:
            return ratios
        patterns, pattern_of = unique_patterns(vectors.availability.index_select(1, self.columns))
        class_scores = torch.einsum("nm,mkq->nkq", patterns.double(), self.class_scores)
        explained = class_scores @ posterior_covariances(patterns, self.precisions)
        constants = 0.5 * (explained * class_scores).sum(dim=2)
        if pattern_of is not None:
            explained, constants = explained[pattern_of], constants[pattern_of]
        return ratios + constants - (explained @ scores[..., None]).squeeze(2)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all fitted numbers by name."""
        pairs: Iterable[Any] = zip(self.names, self.densities, strict=True)
        return {f"{key}/{name}": array for name, density in pairs for key, array in density.to_arrays().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], names: Sequence[str]) -> "Discriminant":
        """Restore the discriminant of the modalities `names` from the result of `to_arrays`."""
        densities = by_suffix(names, arrays)
        return cls(names, {name: Density.from_arrays(own) for name, own in densities.items() if own})


@dataclass(frozen=True, eq=False)
class _Whitened:
    """Class means in the coordinates ``(x - centre) @ axes``, in which the within-class covariance is the identity."""

    centre: AnyArray
    axes: AnyArray
    means: AnyArray

    @classmethod
    def fit(
        cls, components: "_Components", codes: IntArray, n_classes: int, counts: AnyArray
    ) -> "tuple[_Whitened, AnyArray]":
        """Return the fitted means, and the residuals of the samples, (n_samples, n_components)."""
        means = _class_means(components.scores, codes, n_classes, counts)
        residuals = components.scores - means[codes]
        covariance = _within_covariance(residuals * np.sqrt(counts)[:, None], len(np.unique(codes)))
        variances, directions = np.linalg.eigh(covariance)
        whiten = directions / np.sqrt(variances)
        return cls(components.centre, components.axes @ whiten, means @ whiten), residuals @ whiten

    def density(self, loading: AnyArray) -> Density:
        """Return the density for loadings on the factors, (n_components, n_factors)."""
        coefficients, intercepts = self.ratio(loading)
        scores = inverse_noise_times(loading, loading)
        weights = self.axes @ scores
        return Density(
            LinearModel(coefficients, intercepts),
            LinearModel(weights, -self.centre @ weights),
            self.means @ scores,
            loading.T @ scores,
        )

    def ratio(self, loading: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return coefficients (n_features, n_classes) and intercepts of the log density ratio at factors of 0."""
        slopes = inverse_noise_times(loading, self.means.T)
        coefficients = self.axes @ slopes
        return coefficients, -0.5 * (self.means.T * slopes).sum(axis=0) - self.centre @ coefficients


@dataclass(frozen=True, eq=False)
class _Components:
    """Directions of largest variance, (n_features, n_components), and the scores ``(x - centre) @ axes``.

    The centre is the weighted mean of the samples.
    """

    centre: AnyArray
    axes: AnyArray
    scores: AnyArray

    @classmethod
    def fit(cls, values: AnyArray, counts: AnyArray) -> "_Components":
        centre = np.average(values, axis=0, weights=counts)
        axes, scores = _directions(values)
        return cls(centre, axes, scores - np.average(scores, axis=0, weights=counts))


def _directions(values: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return directions of largest variance, and the projections of the values up to a shift."""
    n_samples, n_features = values.shape
    n_components = min(MAX_COMPONENTS, n_features, max(1, n_samples - 1))
    if n_components == n_features or n_samples < 2 or not np.ptp(values, axis=0).any():
        return np.eye(n_features, n_components), values[:, :n_components].astype(np.float64)
    if min(values.shape) <= MAX_AXES:
        principal = PrincipalAxes.fit(values)
        n_axes = principal.scores.shape[1]
        return principal.coefficients(np.eye(n_axes)[:, -n_components:]), principal.scores[:, -n_components:]
    from sklearn.decomposition import PCA

    randomised = PCA(n_components, svd_solver="randomized", random_state=0)
    scores = randomised.fit_transform(values.astype(np.float64))
    return randomised.components_.T, scores


def _of_labels(values: AnyArray, target: Target) -> Density:
    components = _Components.fit(values, target.counts)
    pairs = [_two_classes(components, label, target.counts) for label in target.values.T.astype(np.int64)]
    coefficients, intercepts = (np.stack(part, axis=-1) for part in zip(*pairs, strict=True))
    n_features, n_outputs = coefficients.shape
    no_scores = LinearModel(np.zeros((n_features, 0)), np.zeros(0))
    return Density(LinearModel(coefficients, intercepts), no_scores, np.zeros((n_outputs, 0)), np.zeros((0, 0)))


def _two_classes(components: _Components, label: IntArray, counts: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return coefficients (n_features,) and intercept of the log density ratio of samples with and without a label."""
    whitened = _Whitened.fit(components, label, 2, counts)[0]
    coefficients, intercepts = whitened.ratio(np.zeros((whitened.means.shape[1], 0)))
    return np.diff(coefficients)[:, 0], np.diff(intercepts)[0]


def _class_means(values: AnyArray, codes: IntArray, n_classes: int, counts: AnyArray) -> AnyArray:
    """Return the mean of each class, (n_classes, n_features); 0, the grand mean, for classes without samples."""
    of_class = np.zeros((len(codes), n_classes))
    of_class[np.arange(len(codes)), codes] = counts
    totals = of_class.T @ values
    sizes = np.bincount(codes, counts, minlength=n_classes)
    return totals / np.where(sizes > 0, sizes, 1.0)[:, None]


def _within_covariance(residuals: AnyArray, n_means: int) -> AnyArray:
    covariance = _ledoit_wolf(residuals)
    # the class means use up degrees of freedom
    covariance *= len(residuals) / max(1, len(residuals) - n_means)
    floor = VARIANCE_FLOOR + VARIANCE_FLOOR * np.trace(covariance) / len(covariance)
    return np.asarray(covariance + floor * np.eye(len(covariance)))


def _ledoit_wolf(values: AnyArray) -> AnyArray:
    """Return the covariance of centred values, shrunk towards a multiple of the identity (Ledoit and Wolf 2004)."""
    n_samples, n_features = values.shape
    covariance = values.T @ values / n_samples
    variance = np.trace(covariance) / n_features
    squares = float((covariance**2).sum())
    noise = float(((values**2).sum(axis=1) ** 2).sum()) / n_samples - squares
    distance = squares - n_features * variance**2
    shrinkage = min(1.0, noise / n_samples / distance) if noise > 0 and distance > 0 else 0.0
    return np.asarray((1 - shrinkage) * covariance + shrinkage * variance * np.eye(n_features))
