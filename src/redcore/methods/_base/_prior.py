"""Prediction without any modality."""

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData, Target

__all__ = ["prior_of"]


def prior_of(data: MultimodalData) -> AnyArray:
    """Return the class frequencies, mean target or survival curve of the training data, (n_outputs,).

    Those of the parts of a mixed target are concatenated.
    """
    assert data.target is not None
    return prior_of_target(data.target)


def prior_of_target(target: Target) -> AnyArray:
    """Return `prior_of` of a target."""
    if target.kind.is_mixed:
        return np.concatenate([prior_of_target(target.of_part(name)) for name in target.part_names])
    if target.is_classification:
        counts = np.bincount(target.values, target.weights, minlength=target.n_outputs)
        frequencies: AnyArray = counts / counts.sum()
        return frequencies
    if target.kind.is_survival:
        return np.cumprod(1 - target.time_grid.hazards(target.values, target.weights))
    return np.atleast_1d(np.average(target.values.astype(np.float64), axis=0, weights=target.weights))
