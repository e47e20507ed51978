"""Summary statistics of sequences over time."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from redcore.data import Modality, MultimodalData
from redcore.nn import Batch, step_mask

__all__ = ["summarize", "vectors_of"]

SEQUENCES_AT_ONCE = 512


def summarize(batch: Batch) -> Batch:
    """Replace the sequences of a batch by vectors.

    The vector of a sequence holds the mean, standard deviation, minimum and maximum over time of each feature, in four
    blocks: (n, 4 * n_features), float32. Modalities that are vectors stay as they are.
    """
    parts = [
        part if part.lengths is None else part._replace(values=_statistics(part.values, part.lengths), lengths=None)
        for part in batch.modalities
    ]
    return batch._replace(modalities=tuple(parts))


def _statistics(values: Tensor, lengths: Tensor) -> Tensor:
    """Map padded sequences (n, time, n_features) with zeros in the padding to (n, 4 * n_features)."""
    real = step_mask(lengths, values.shape[1])[..., None]
    wide, counts = values.double(), lengths[:, None].double()
    mean = wide.sum(dim=1) / counts
    deviation = (wide - mean[:, None]) * real
    spread = (deviation.square().sum(dim=1) / counts).sqrt()
    # padding is replaced by the first step; extremes are faster over the last dimension
    filled = torch.where(real, values, values[:, :1]).transpose(1, 2).contiguous()
    return torch.cat([mean.float(), spread.float(), filled.amin(dim=2), filled.amax(dim=2)], dim=1)


def vectors_of(data: MultimodalData) -> MultimodalData:
    """Return `data`, loaded into memory, with the vectors of `summarize` in place of its sequences."""
    modalities = {name: _vectors(modality.loaded()) for name, modality in data.modalities.items()}
    return replace(data, modalities=modalities)


def _vectors(modality: Modality) -> Modality:
    lengths = modality.lengths
    if lengths is None:
        return modality
    if not modality.n_observed:
        return Modality.nothing(modality.n_samples)
    summary = np.empty((modality.n_observed, 4 * modality.n_features), dtype=np.float32)
    samples = np.flatnonzero(modality.availability)
    # sorted by length, so that chunks hold little padding
    samples = samples[np.argsort(lengths[modality.position[samples]], kind="stable")]
    for start in range(0, len(samples), SEQUENCES_AT_ONCE):
        chunk = samples[start : start + SEQUENCES_AT_ONCE]
        part = modality.gather(chunk)
        assert part.lengths is not None
        statistics = _statistics(torch.from_numpy(part.values), torch.from_numpy(part.lengths))
        summary[modality.position[chunk]] = statistics.numpy()
    return Modality(summary, modality.position)
