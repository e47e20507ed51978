"""A linear-Gaussian world of several modalities, whose best possible prediction is known in closed form."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.special import log_softmax

from redcore._settings import Settings
from redcore._types import AnyArray, IntArray
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality
from redcore.data._target import Target

__all__ = ["GaussianModel", "GaussianSettings"]

NUMBER_NOISE = 0.5
"""Standard deviation of what no modality tells of the number."""


class GaussianSettings(Settings):
    """What a world is made by.

    Attributes
    ----------
    n_modalities : int in [1, 1000], default 3
    n_features : int in [1, 10000], default 16
        Of every modality.
    n_classes : int in [2, 1000], default 4
        Equally frequent.
    informativeness : tuple of float >= 0, default (0.5, 0.7, 0.9)
        Scale t_m of the signal of each modality over unit noise, repeated as often as there are modalities; 0 is noise.
    n_shared, n_private : int in [1, 100], default 4 and 3
        Factors that all modalities see, and that each has for itself.
    max_length : int in [0, 10000], default 0
        0 makes vectors. Else sequences of 1 to so many steps, of one signal and noise that is new at each step.
    target : {"classes", "number"}, default "classes"
        What is to be predicted: the class, or ``y = sum_k s_k / sqrt(n_shared) + 0.5 e`` with the shared factors s and
        e ~ N(0, 1).
    world_seed : int, default 0
        All parameters of the world follow from it.
    """

    n_modalities: Annotated[int, Field(ge=1, le=1000)] = 3
    n_features: Annotated[int, Field(ge=1, le=10_000)] = 16
    n_classes: Annotated[int, Field(ge=2, le=1000)] = 4
    informativeness: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0.5, 0.7, 0.9)
    n_shared: Annotated[int, Field(ge=1, le=100)] = 4
    n_private: Annotated[int, Field(ge=1, le=100)] = 3
    max_length: Annotated[int, Field(ge=0, le=10_000)] = 0
    target: Literal["classes", "number"] = "classes"
    world_seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, eq=False)
class GaussianModel:
    """``x_m = t_m (A_m s + B_m p_m) + noise``, with ``s ~ N(a_c, I)`` and ``p_m ~ N(b_mc, I)`` for class c.

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
        """Draw the parameters of a world."""
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
        return cls(settings, names, shared, private, means, shared_means, private_means)

    def sample(self, n_samples: int, rng: np.random.Generator) -> MultimodalData:
        """Draw samples of which nothing is missing."""
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
            target = Target.from_numbers(self._number(factors) + NUMBER_NOISE * rng.normal(size=n_samples))
        return MultimodalData(modalities, target, None, np.arange(n_samples), None)

    def _number(self, factors: AnyArray) -> AnyArray:
        return np.asarray(factors.sum(axis=-1) / np.sqrt(self.settings.n_shared))

    def expected_number(self, data: MultimodalData) -> AnyArray:
        """Return the mean of the number given what each sample observes, (n_samples, 1).

        The shared factors have the mean ``a_c + (I + sum_m A_m^T D_m^-1 A_m)^-1 h`` in class c; see `posterior`.
        """
        probabilities, means = self._posterior(data)
        return np.asarray((probabilities * self._number(self.shared_means + means)).sum(axis=1, keepdims=True))

    def posterior(self, data: MultimodalData) -> AnyArray:
        """Return the probability of every class given what each sample observes, (n_samples, n_classes).

        With ``D_m = B_m B_m^T + I / T`` (T = 1 for vectors, else the length: only the mean over time matters) and
        ``r_m = x_m - mean_mc``, the log-likelihood of class c is, up to what all classes share,
        ``-1/2 sum_m r_m^T D_m^-1 r_m + 1/2 h^T (I + sum_m A_m^T D_m^-1 A_m)^-1 h`` with ``h = sum_m A_m^T D_m^-1 r_m``,
        sums over the observed modalities.
        """
        return self._posterior(data)[0]

    def _posterior(self, data: MultimodalData) -> tuple[AnyArray, AnyArray]:
        """Return class probabilities, and by class the mean of ``s - a_c``, (n_samples, n_classes, n_shared)."""
        settings = self.settings
        shape = (data.n_samples, settings.n_classes)
        quadratic, pull = np.zeros(shape), np.zeros((*shape, settings.n_shared))
        precision = np.tile(np.eye(settings.n_shared), (data.n_samples, 1, 1))
        for name, modality in data.modalities.items():
            means, lengths, observed = _time_means(modality)
            for length in np.unique(lengths):
                which = np.flatnonzero(lengths == length)
                rows = observed[which]
                inverse = self._inverse(name, float(length))
                residual = means[which, None, :] - self.means[name]
                weighted = residual @ inverse
                quadratic[rows] += (weighted * residual).sum(axis=2)
                pull[rows] += weighted @ self.shared[name]
                precision[rows] += self.shared[name].T @ inverse @ self.shared[name]
        solved = np.linalg.solve(precision, pull.transpose(0, 2, 1)).transpose(0, 2, 1)
        likelihood = 0.5 * ((pull * solved).sum(axis=2) - quadratic)
        return np.asarray(np.exp(log_softmax(likelihood, axis=1))), solved

    def _inverse(self, name: str, length: float) -> AnyArray:
        """Return ``(B B^T + I / T)^-1`` by the Woodbury identity."""
        own = self.private[name]
        inner = np.linalg.inv(np.eye(own.shape[1]) + length * own.T @ own)
        return np.asarray(length * np.eye(len(own)) - length**2 * own @ inner @ own.T)


def _time_means(modality: Modality) -> tuple[AnyArray, IntArray, IntArray]:
    """Return means over time and lengths of the observed samples, and their rows."""
    rows = np.flatnonzero(modality.availability)
    packed = modality.take(rows).loaded()
    values = packed.values.astype(np.float64)
    if packed.offsets is None or not len(rows):
        return values, np.ones(len(rows), dtype=np.int64), rows
    lengths = np.diff(packed.offsets)
    return np.add.reduceat(values, packed.offsets[:-1]) / lengths[:, None], lengths, rows
