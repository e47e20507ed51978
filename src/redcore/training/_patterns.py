"""Held-out samples under many missing patterns: what choices are judged by."""

import numpy as np

from redcore.data import MultimodalData, concatenate
from redcore.training._source import pieces

__all__ = ["sampled", "under_patterns"]


def sampled(data: MultimodalData, n_rows: int, rng: np.random.Generator) -> MultimodalData:
    """Return at most `n_rows` samples, drawn at random, in memory."""
    if data.n_samples > n_rows:
        data = data.take(np.sort(rng.permutation(data.n_samples)[:n_rows]))
    return concatenate(list(pieces(data)))


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
