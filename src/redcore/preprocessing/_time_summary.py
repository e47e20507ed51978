"""Summary statistics of sequences over time."""

from dataclasses import replace

import numpy as np

from redcore.data import Modality, MultimodalData

__all__ = ["vectors_of"]


def vectors_of(data: MultimodalData) -> MultimodalData:
    """Return `data` with each sequence as mean, standard deviation, minimum and maximum of each feature over time."""
    modalities = {name: _summary(modality.loaded()) for name, modality in data.modalities.items()}
    return replace(data, modalities=modalities)


def _summary(modality: Modality) -> Modality:
    if modality.offsets is None or not modality.n_observed:
        return modality if modality.offsets is None else Modality.nothing(modality.n_samples)
    starts, lengths = modality.offsets[:-1], np.diff(modality.offsets)[:, None]
    values = modality.values.astype(np.float64)
    mean = np.add.reduceat(values, starts) / lengths
    deviation = values - np.repeat(mean, lengths[:, 0], axis=0)
    spread = np.sqrt(np.add.reduceat(deviation**2, starts) / lengths)
    extremes = [np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)]
    summary = np.concatenate([mean, spread, *extremes], axis=1)
    return Modality(summary.astype(np.float32), modality.position)
