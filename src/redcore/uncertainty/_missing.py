"""Uncertainty by missing modalities, and the expected information gain of acquiring a missing modality."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData
from redcore.uncertainty._completions import Completions

__all__ = ["Uncertainty", "acquisition_values", "uncertainty"]

SAMPLES_AT_ONCE = 256
"""Samples per chunk, which bounds memory."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Predictive uncertainty of each sample, and the part due to missing modalities.

    Let ``p_l`` be the prediction for random completion l of all missing modalities of a sample (see `Completions`).

    - Classification and multilabel: ``total = H(mean_l p_l)`` and ``from_missing = H(mean_l p_l) - mean_l H(p_l)``, in
      nats. The latter is the mutual information between the target and the missing modalities.
    - Regression: ``from_missing = Var_l p_l`` and ``total = from_missing + s^2``, where s^2 is the mean squared error
      on the reference samples. Both are divided by the variance of the target and averaged over outputs.

    Attributes
    ----------
    total : array (n_samples,)
        Total uncertainty.
    from_missing : array (n_samples,)
        Uncertainty due to missing modalities; 0 for complete samples.
    """

    total: AnyArray
    from_missing: AnyArray

    @property
    def share(self) -> AnyArray:
        """Share of the uncertainty that is due to missing modalities, in [0, 1], (n_samples,)."""
        return np.divide(self.from_missing, self.total, out=np.zeros_like(self.total), where=self.total > 0)


def uncertainty(completions: Completions, data: MultimodalData, n_draws: int = 32, seed: int = 0) -> Uncertainty:
    """Return the uncertainty of each sample of `data` and the part due to missing modalities; see `Uncertainty`.

    Parameters
    ----------
    completions : Completions
    data : MultimodalData
    n_draws : int, default 32
        Number of random completions per sample.
    seed : int
    """
    rng = np.random.default_rng(seed)
    total, from_missing = np.zeros(data.n_samples), np.zeros(data.n_samples)
    for rows, chunk, missing in _by_pattern(completions, data):
        outputs = _predictions(completions, chunk, missing, n_draws, rng)
        spread = _spread(completions, outputs)
        from_missing[rows], total[rows] = spread, spread + _remaining(completions, outputs)
    return Uncertainty(total, from_missing)


def acquisition_values(completions: Completions, data: MultimodalData, n_draws: int = 32, seed: int = 0) -> AnyArray:
    """Return the expected decrease of the entropy of each prediction if a missing modality were observed, in nats.

    The modality is completed at random (see `Completions`), and all other missing modalities stay missing. With the
    predictions ``p_l``, the value is ``H(mean_l p_l) - mean_l H(p_l)`` in classification and for multilabel targets,
    and ``1/2 log(1 + Var_l p_l / s^2)`` in regression (differential entropy of Gaussians).

    Parameters
    ----------
    completions : Completions
    data : MultimodalData
    n_draws : int, default 32
        Number of random completions per sample and modality.
    seed : int

    Returns
    -------
    array (n_samples, n_modalities)
        Columns in the order of `completions.names`; NaN for observed modalities.
    """
    rng = np.random.default_rng(seed)
    values = np.full((data.n_samples, len(completions.names)), np.nan)
    for rows, chunk, missing in _by_pattern(completions, data):
        for name in missing:
            outputs = _predictions(completions, chunk, (name,), n_draws, rng)
            spread = _spread(completions, outputs)
            if _is_regression(completions):
                spread = np.log1p(spread / _remaining(completions, outputs).clip(min=1e-12)) / 2
            values[rows, completions.names.index(name)] = spread
    return values


def _by_pattern(
    completions: Completions, data: MultimodalData
) -> Iterator[tuple[IntArray, MultimodalData, tuple[str, ...]]]:
    """Yield chunks of samples with the same missing pattern: rows, data and names of the missing modalities."""
    names = completions.names
    data = completions.method.completed(data)
    patterns, inverse = np.unique(data.availability, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        missing = tuple(name for name, observed in zip(names, pattern, strict=True) if not observed)
        samples = np.flatnonzero(inverse.ravel() == number)
        for start in range(0, len(samples), SAMPLES_AT_ONCE):
            rows = samples[start : start + SAMPLES_AT_ONCE]
            yield rows, data.take(rows), missing


def _predictions(
    completions: Completions, data: MultimodalData, missing: tuple[str, ...], n_draws: int, rng: np.random.Generator
) -> AnyArray:
    """Return predictions for random completions, (n_draws, n_samples, n_outputs); one draw without missing ones."""
    if not missing:
        return completions.method.predict(data)[None]
    outputs = completions.method.predict(completions.draw(data, missing, n_draws, rng))
    return outputs.reshape(n_draws, data.n_samples, -1)


def _is_regression(completions: Completions) -> bool:
    return completions.method.schema.target_kind.is_regression


def _spread(completions: Completions, outputs: AnyArray) -> AnyArray:
    """Return the mutual information, or in regression the normalised variance, over the draws, (n_samples,)."""
    if _is_regression(completions):
        return np.asarray((outputs.var(axis=0) / _scale(completions)).mean(axis=1))
    mean = outputs.mean(axis=0)
    return np.asarray((_entropy(completions, mean) - _entropy(completions, outputs).mean(axis=0)).clip(min=0.0))


def _remaining(completions: Completions, outputs: AnyArray) -> AnyArray:
    """Return the uncertainty that remains if the completed modalities were observed, (n_samples,)."""
    if _is_regression(completions):
        return np.full(outputs.shape[1], float((completions.squared_errors / _scale(completions)).mean()))
    return np.asarray(_entropy(completions, outputs).mean(axis=0))


def _scale(completions: Completions) -> AnyArray:
    target = completions.reference.target
    assert target is not None
    variance = np.atleast_1d(target.values.var(axis=0))
    return np.where(variance > 0, variance, 1.0)


def _entropy(completions: Completions, outputs: AnyArray) -> AnyArray:
    """Return entropies over the last axis, of classes or summed over labels, in nats."""
    from scipy.special import xlogy

    entropy = -xlogy(outputs, outputs).sum(axis=-1)
    if completions.method.schema.target_kind.is_multilabel:
        entropy -= xlogy(1 - outputs, 1 - outputs).sum(axis=-1)
    return np.asarray(entropy)
