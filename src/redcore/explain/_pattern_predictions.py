"""Predictions of the same samples under several missing patterns."""

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.data import MultimodalData
from redcore.methods import Method

__all__ = ["predict_patterns"]

ROWS_AT_ONCE = 4096
"""Largest number of samples per call of `Method.predict`, if there are fewer samples than that."""


def predict_patterns(method: Method, data: MultimodalData, patterns: BoolArray) -> AnyArray:
    """Predict each sample under each missing pattern.

    Parameters
    ----------
    method : Method
    data : MultimodalData
        Result of `Method.completed`. Every sample observes the modalities of every pattern.
    patterns : bool array (n_patterns, n_modalities)
        True for observed modalities, columns in the order of `Method.active`.

    Returns
    -------
    array (n_patterns, n_samples, n_outputs)
        The prediction of a pattern without observed modalities is the prior.
    """
    n_samples = data.n_samples
    outputs = np.tile(method.prior, (len(patterns), n_samples, 1))
    observing = np.flatnonzero(patterns.any(axis=1))
    patterns_at_once = max(1, ROWS_AT_ONCE // n_samples)
    for start in range(0, len(observing), patterns_at_once):
        chosen = observing[start : start + patterns_at_once]
        copies = data.take(np.tile(np.arange(n_samples), len(chosen)))
        hidden = copies.hide(np.repeat(patterns[chosen], n_samples, axis=0))
        outputs[chosen] = method.predict(hidden).reshape(len(chosen), n_samples, -1)
    return outputs
