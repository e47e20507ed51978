"""Augment held-out samples with random missing patterns."""

import numpy as np

from redcore.data import MultimodalData, concatenate

__all__ = ["under_patterns"]


def under_patterns(data: MultimodalData, n_patterns: int, rng: np.random.Generator) -> MultimodalData:
    """Return every sample `n_patterns` times: as observed, and with random subsets of what it observes.

    Subsets of every size are about equally likely; a sample that observes anything keeps at least one modality.
    """
    observed = data.availability
    parts = [data]
    for _ in range(n_patterns - 1):
        keep = observed & (rng.random(observed.shape) < rng.random((len(observed), 1)))
        one = np.where(observed, rng.random(observed.shape), -1.0).argmax(axis=1)
        keep[np.arange(len(keep)), one] = observed[np.arange(len(keep)), one]
        parts.append(data.hide(keep))
    return concatenate(parts)
