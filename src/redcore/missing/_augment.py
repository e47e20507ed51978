"""Augment held-out samples with random missing patterns."""

import numpy as np

from redcore.data import MultimodalData, concatenate

__all__ = ["under_patterns"]


def under_patterns(data: MultimodalData, n_patterns: int, rng: np.random.Generator) -> MultimodalData:
    """Return `n_patterns` copies of every sample: one unchanged, the others with random observed modalities removed.

    The number of modalities that a copy keeps is approximately uniform. A sample with an observed modality keeps at
    least one in every copy.

    Returns
    -------
    MultimodalData
        ``n_patterns * data.n_samples`` samples, one copy of the whole data after the other.
    """
    observed = data.availability
    copies = [data]
    for _ in range(n_patterns - 1):
        keep = observed & (rng.random(observed.shape) < rng.random((len(observed), 1)))
        one = np.where(observed, rng.random(observed.shape), -1.0).argmax(axis=1)
        keep[np.arange(len(keep)), one] = observed[np.arange(len(keep)), one]
        copies.append(data.hide(keep))
    return concatenate(copies)
