"""How much of the uncertainty of a prediction stems from what is missing, and what observing it would be worth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData
from redcore.uncertainty._completions import Completions

__all__ = ["Uncertainty", "acquisition_values", "uncertainty"]

SAMPLES_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """What is not known of each sample's target.

    With draws l of all that a sample lacks (`Completions`) and predictions ``p_l``, for classes and labels in nats
    ``total = H(mean_l p_l)`` and ``from_missing = H(mean_l p_l) - mean_l H(p_l)``, the mutual information between the
    target and what is missing. For numbers they are variances, ``from_missing = Var_l p_l`` and
    ``total = from_missing + s^2``, with s^2 the mean squared error on the reference samples as they are; averaged over
    outputs after division by the variance of the target.

    Attributes
    ----------
    total, from_missing : array (n_samples,)
    """

    total: AnyArray
    from_missing: AnyArray

    @property
    def share(self) -> AnyArray:
        """Share of the uncertainty that stems from what is missing, in [0, 1], (n_samples,)."""
        return np.divide(self.from_missing, self.total, out=np.zeros_like(self.total), where=self.total > 0)


def uncertainty(completions: Completions, data: MultimodalData, n_draws: int = 32, seed: int = 0) -> Uncertainty:
    """Split the uncertainty of every sample of `data`; see `Uncertainty`.

    Parameters
    ----------
    completions : Completions
    data : MultimodalData
    n_draws : int, default 32
    seed : int
    """
    rng = np.random.default_rng(seed)
    total, from_missing = np.zeros(data.n_samples), np.zeros(data.n_samples)
    for rows, part, missing in _by_pattern(completions, data):
        outputs = _predictions(completions, part, missing, n_draws, rng)
        spread = _spread(completions, outputs)
        from_missing[rows], total[rows] = spread, spread + _rest(completions, outputs)
    return Uncertainty(total, from_missing)


def acquisition_values(completions: Completions, data: MultimodalData, n_draws: int = 32, seed: int = 0) -> AnyArray:
    """Return by how much observing a missing modality is expected to lower the entropy of each prediction.

    Over draws of that modality alone (`Completions`): for classes and labels ``H(mean_l p_l) - mean_l H(p_l)``, for
    numbers ``1/2 log(1 + Var_l p_l / s^2)``, as of a Gaussian; nats.

    Returns
    -------
    array (n_samples, n_modalities)
        Columns in the order of `completions.names`; NaN where the modality is there already.
    """
    rng = np.random.default_rng(seed)
    values = np.full((data.n_samples, len(completions.names)), np.nan)
    for rows, part, missing in _by_pattern(completions, data):
        for name in missing:
            outputs = _predictions(completions, part, (name,), n_draws, rng)
            spread = _spread(completions, outputs)
            if _is_regression(completions):
                spread = np.log1p(spread / _rest(completions, outputs).clip(min=1e-12)) / 2
            values[rows, completions.names.index(name)] = spread
    return values


def _by_pattern(
    completions: Completions, data: MultimodalData
) -> Iterator[tuple[IntArray, MultimodalData, tuple[str, ...]]]:
    """Yield samples of one missing pattern at a time: their rows, their data, and what they lack."""
    names = completions.names
    data = completions.method.completed(data)
    patterns, places = np.unique(data.availability, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        missing = tuple(name for name, there in zip(names, pattern, strict=True) if not there)
        members = np.flatnonzero(places.ravel() == number)
        for start in range(0, len(members), SAMPLES_AT_ONCE):
            rows = members[start : start + SAMPLES_AT_ONCE]
            yield rows, data.take(rows), missing


def _predictions(
    completions: Completions, part: MultimodalData, missing: tuple[str, ...], n_draws: int, rng: np.random.Generator
) -> AnyArray:
    """Return predictions under every draw, (n_draws, n_samples, n_outputs)."""
    if not missing:
        return completions.method.predict(part)[None]
    outputs = completions.method.predict(completions.draw(part, missing, n_draws, rng))
    return outputs.reshape(n_draws, part.n_samples, -1)


def _is_regression(completions: Completions) -> bool:
    return completions.method.schema.target_kind.is_regression


def _spread(completions: Completions, outputs: AnyArray) -> AnyArray:
    """Return the mutual information, or the variance, over the draws, (n_samples,)."""
    if _is_regression(completions):
        return np.asarray((outputs.var(axis=0) / _scale(completions)).mean(axis=1))
    mean = outputs.mean(axis=0)
    return np.asarray((_entropy(completions, mean) - _entropy(completions, outputs).mean(axis=0)).clip(min=0.0))


def _rest(completions: Completions, outputs: AnyArray) -> AnyArray:
    """Return the uncertainty that is left when all of what was drawn is there, (n_samples,)."""
    if _is_regression(completions):
        return np.full(outputs.shape[1], float((completions.squared_errors / _scale(completions)).mean()))
    return np.asarray(_entropy(completions, outputs).mean(axis=0))


def _scale(completions: Completions) -> AnyArray:
    target = completions.reference.target
    assert target is not None
    variance = np.atleast_1d(target.values.var(axis=0))
    return np.where(variance > 0, variance, 1.0)


def _entropy(completions: Completions, outputs: AnyArray) -> AnyArray:
    """Return entropies over the last axis, of classes or summed over labels."""
    entropy = -xlogy(outputs, outputs).sum(axis=-1)
    if completions.method.schema.target_kind.is_multilabel:
        entropy -= xlogy(1 - outputs, 1 - outputs).sum(axis=-1)
    return np.asarray(entropy)
