"""Linear-Gaussian model of multimodal data, with a closed-form optimal prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality
from redcore.data._target import Target
from redcore.datasets._weibull import WeibullTimes

__all__ = ["GaussianModel", "GaussianSettings"]

TARGET_NOISE = 0.5
"""Standard deviation of the noise in the continuous target, which no modality can predict."""


class GaussianSettings(Settings):
    """Settings of a `GaussianModel`.

    Attributes
    ----------
    n_modalities : int in [1, 1000], default 3
    n_features : int in [1, 10000], default 16
        Number of features of each modality.
    n_classes : int in [2, 1000], default 4
        Number of equally frequent classes.
    informativeness : tuple of float >= 0, default (0.5, 0.7, 0.9)
        Signal scale t_m of each modality relative to unit noise, repeated cyclically over the modalities. A modality
        with scale 0 is pure noise.
    n_shared, n_private : int in [1, 100], default 4 and 3
        Numbers of factors shared by all modalities, and of private factors of each modality.
    max_length : int in [0, 10000], default 0
        0: samples are vectors. Otherwise, samples are sequences of 1 to `max_length` steps, with a constant signal and
        independent noise at each step.
    target : {"classes", "number", "survival"}, default "classes"
        The class; the continuous target ``y = z + 0.5 e`` with ``z = sum_k s_k / sqrt(n_shared)``, the shared factors s
        and e ~ N(0, 1); or censored times to an event with the log hazard ratio z, see `WeibullTimes`. For "survival",
        the means of all classes are 0, so that z is standard normal.
    world_seed : int, default 0
        Seed of the model parameters.
    """

    n_modalities: Annotated[int, Field(ge=1, le=1000)] = 3
    n_features: Annotated[int, Field(ge=1, le=10_000)] = 16
    n_classes: Annotated[int, Field(ge=2, le=1000)] = 4
    informativeness: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0.5, 0.7, 0.9)
    n_shared: Annotated[int, Field(ge=1, le=100)] = 4
    n_private: Annotated[int, Field(ge=1, le=100)] = 3
    max_length: Annotated[int, Field(ge=0, le=10_000)] = 0
    target: Literal["classes", "number", "survival"] = "classes"
    world_seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, eq=False)
class GaussianModel:
    """Linear-Gaussian model of multimodal data with shared and private factors.

    In class c, modality m is ``x_m = t_m (A_m s + B_m p_m) + noise``, with shared factors ``s ~ N(a_c, I)``, private
    factors ``p_m ~ N(b_mc, I)`` and standard normal noise.

    Attributes
    ----------
    settings : GaussianSettings
    names : tuple of str
        ``m00``, ``m01``, ...
    shared, private : dict of str to array (n_features, n_factors)
        ``t_m A_m`` and ``t_m B_m``.
    means : dict of str to array (n_classes, n_features)
        ``t_m (A_m a_c + B_m b_mc)``.
    shared_means : array (n_classes, n_shared)
        ``a_c``.
    private_means : dict of str to array (n_classes, n_private)
        ``b_mc``.
    """

    settings: GaussianSettings
    names: tuple[str, ...]
    shared: dict[str, AnyArray]
    private: dict[str, AnyArray]
    means: dict[str, AnyArray]
    shared_means: AnyArray
    private_means: dict[str, AnyArray]

    @classmethod
    def make(cls, settings: GaussianSettings) -> "GaussianModel":
        """Draw the parameters of a model."""
        rng = np.random.default_rng([settings.world_seed, 0])
        names = tuple(f"m{index:02d}" for index in range(settings.n_modalities))
        shared_means = rng.normal(size=(settings.n_classes, settings.n_shared))
        shared: dict[str, AnyArray] = {}
        private: dict[str, AnyArray] = {}
        means: dict[str, AnyArray] = {}
        private_means: dict[str, AnyArray] = {}
        for index, name in enumerate(names):
            scale = settings.informativeness[index % len(settings.informativeness)]
            shared[name] = scale * rng.normal(size=(settings.n_features, settings.n_shared))
            private[name] = scale * rng.normal(size=(settings.n_features, settings.n_private))
            private_means[name] = rng.normal(size=(settings.n_classes, settings.n_private))
            means[name] = shared_means @ shared[name].T + private_means[name] @ private[name].T
        if settings.target == "survival":
            shared_means = np.zeros_like(shared_means)
            means, private_means = ({n: np.zeros_like(v) for n, v in one.items()} for one in (means, private_means))
        return cls(settings, names, shared, private, means, shared_means, private_means)

    def sample(self, n_samples: int, rng: np.random.Generator) -> MultimodalData:
        """Draw samples without missing modalities."""
        settings = self.settings
        codes = rng.integers(settings.n_classes, size=n_samples)
        factors = self.shared_means[codes] + rng.normal(size=(n_samples, settings.n_shared))
        modalities = {}
        for name in self.names:
            own = self.private_means[name][codes] + rng.normal(size=(n_samples, settings.n_private))
            signal = factors @ self.shared[name].T + own @ self.private[name].T
            lengths = rng.integers(1, settings.max_length + 1, size=n_samples) if settings.max_length else None
            rows = np.arange(n_samples) if lengths is None else np.repeat(np.arange(n_samples), lengths)
            values = (signal[rows] + rng.normal(size=(len(rows), settings.n_features))).astype(np.float32)
            offsets = None if lengths is None else np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            modalities[name] = Modality(values, np.arange(n_samples), offsets)
        target = Target.from_labels(codes, range(settings.n_classes))
        if settings.target == "number":
            target = Target.from_numbers(self._noiseless_target(factors) + TARGET_NOISE * rng.normal(size=n_samples))
        if settings.target == "survival":
            target = Target.from_survival(*WeibullTimes().sample(self._noiseless_target(factors), rng))
        return MultimodalData(modalities, target, None, np.arange(n_samples), None)

    def _noiseless_target(self, factors: AnyArray) -> AnyArray:
        return np.asarray(factors.sum(axis=-1) / np.sqrt(self.settings.n_shared))

    def expected_number(self, data: MultimodalData) -> AnyArray:
        """Return the posterior mean of the continuous target given the observed modalities, (n_samples, 1).

        In class c, the posterior mean of the shared factors is ``a_c + (I + sum_m A_m^T D_m^-1 A_m)^-1 h``, with the
        notation of `posterior`.
        """
        probabilities, means = self._posterior(data)
        return np.asarray(
            (probabilities * self._noiseless_target(self.shared_means + means)).sum(axis=1, keepdims=True)
        )

    def expected_survival(self, data: MultimodalData, times: AnyArray) -> AnyArray:
        """Return the probability of survival given the observed modalities, (n_samples, n_times)."""
        return WeibullTimes().curves(self.expected_number(data)[:, 0], self._posterior_variance(data), times)

    def best_concordance(self, names: Sequence[str]) -> float:
        """Return the largest possible concordance of a survival target without censoring, if `names` are observed."""
        observed = {
            name: Modality(np.zeros((1, self.settings.n_features), dtype=np.float32), np.zeros(1, dtype=np.int64))
            for name in names
        }
        data = MultimodalData(observed, None, None, np.arange(1), None)
        return WeibullTimes().best_concordance(1 - float(self._posterior_variance(data)[0]))

    def _posterior_variance(self, data: MultimodalData) -> AnyArray:
        """Return the posterior variance of the noiseless target, (n_samples,)."""
        precision = np.tile(np.eye(self.settings.n_shared), (data.n_samples, 1, 1))
        for name, modality in data.modalities.items():
            _, lengths, observed = _time_means(modality)
            for length in np.unique(lengths):
                inverse = self._inverse_covariance(name, float(length))
                precision[observed[lengths == length]] += self.shared[name].T @ inverse @ self.shared[name]
        return np.asarray(np.linalg.inv(precision).sum(axis=(1, 2)) / self.settings.n_shared)

    def posterior(self, data: MultimodalData) -> AnyArray:
        """Return the posterior class probabilities given the observed modalities, (n_samples, n_classes).

        Up to a constant, the log-likelihood of class c is
        ``-1/2 sum_m r_m^T D_m^-1 r_m + 1/2 h^T (I + sum_m A_m^T D_m^-1 A_m)^-1 h``, where
        ``h = sum_m A_m^T D_m^-1 r_m``, ``D_m = B_m B_m^T + I / T`` and ``r_m = x_m - mean_mc``. Sums run over the
        observed modalities. T is 1 for vectors and the length of sequences, whose x_m is the mean over time.
        """
        return self._posterior(data)[0]

    def _posterior(self, data: MultimodalData) -> tuple[AnyArray, AnyArray]:
        """Return class probabilities and, per class, the posterior mean of ``s - a_c``.

        Their shapes are (n_samples, n_classes) and (n_samples, n_classes, n_shared).
        """
        from scipy.special import log_softmax

        settings = self.settings
        shape = (data.n_samples, settings.n_classes)
        quadratic, weighted_sum = np.zeros(shape), np.zeros((*shape, settings.n_shared))
        precision = np.tile(np.eye(settings.n_shared), (data.n_samples, 1, 1))
        for name, modality in data.modalities.items():
            means, lengths, observed = _time_means(modality)
            for length in np.unique(lengths):
                same_length = np.flatnonzero(lengths == length)
                rows = observed[same_length]
                inverse = self._inverse_covariance(name, float(length))
                residual = means[same_length, None, :] - self.means[name]
                weighted = residual @ inverse
                quadratic[rows] += (weighted * residual).sum(axis=2)
                weighted_sum[rows] += weighted @ self.shared[name]
                precision[rows] += self.shared[name].T @ inverse @ self.shared[name]
        factor_means = np.linalg.solve(precision, weighted_sum.transpose(0, 2, 1)).transpose(0, 2, 1)
        log_likelihood = 0.5 * ((weighted_sum * factor_means).sum(axis=2) - quadratic)
        return np.asarray(np.exp(log_softmax(log_likelihood, axis=1))), factor_means

    def _inverse_covariance(self, name: str, length: float) -> AnyArray:
        """Return ``(B B^T + I / T)^-1``, computed with the Woodbury identity."""
        own = self.private[name]
        inner = np.linalg.inv(np.eye(own.shape[1]) + length * own.T @ own)
        return np.asarray(length * np.eye(len(own)) - length**2 * own @ inner @ own.T)


def _time_means(modality: Modality) -> tuple[AnyArray, IntArray, IntArray]:
    """Return the means over time, the lengths and the row numbers of the observed samples."""
    rows = np.flatnonzero(modality.availability)
    packed = modality.take(rows).loaded()
    values = packed.values.astype(np.float64)
    if packed.offsets is None or not len(rows):
        return values, np.ones(len(rows), dtype=np.int64), rows
    lengths = np.diff(packed.offsets)
    return np.add.reduceat(values, packed.offsets[:-1]) / lengths[:, None], lengths, rows
