"""Fixed summaries of sequences, images and token ids as vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray
from redcore.data import Modality, MultimodalData
from redcore.nn import Batch, time_statistics
from redcore.preprocessing._raw import raw_summary

__all__ = ["summarize", "vectors_of"]

SEQUENCES_AT_ONCE = 512


def summarize(batch: Batch, windows: Sequence[int] = ()) -> Batch:
    """Replace the sequences, images and token ids of a batch by vectors.

    The vector of a sequence holds its `time_statistics`, (n, (4 + 2 * n_windows) * n_features), float32. Images and
    token ids are summarised by `raw_summary`. Modalities that are vectors stay as they are.

    Parameters
    ----------
    batch : Batch
    windows : sequence of int
        Number of windows of every modality, for sequences. Default: no windows.
    """
    counts = windows or [0] * len(batch.modalities)
    parts = [
        part._replace(values=_summary(part.values, part.lengths, n_windows), lengths=None)
        for part, n_windows in zip(batch.modalities, counts, strict=True)
    ]
    return batch._replace(modalities=tuple(parts))


def _summary(values: Tensor, lengths: Tensor | None, n_windows: int) -> Tensor:
    if values.ndim == 2 and lengths is None:
        return values
    if values.ndim == 3 and lengths is not None:
        return time_statistics(values, lengths, n_windows)
    return raw_summary(values, lengths)


def vectors_of(data: MultimodalData, windows: Mapping[str, int] | None = None) -> MultimodalData:
    """Return `data`, loaded into memory, with the vectors of `summarize` in place of its other modalities.

    Parameters
    ----------
    data : MultimodalData
    windows : mapping of str to int, optional
        Number of windows by modality; see `summarize`.
    """
    counts = windows or {}
    modalities = {name: _vectors(modality, counts.get(name, 0)) for name, modality in data.modalities.items()}
    return replace(data, modalities=modalities)


def _vectors(modality: Modality, n_windows: int) -> Modality:
    if not modality.is_sequence and not modality.is_raw:
        return modality.loaded()
    if not modality.n_observed:
        return Modality.nothing(modality.n_samples)
    if not modality.is_raw:
        modality = modality.loaded()
    samples = np.flatnonzero(modality.availability)
    if (lengths := modality.lengths) is not None:
        # sorted by length, so that chunks hold little padding
        samples = samples[np.argsort(lengths[modality.position[samples]], kind="stable")]
    summary: AnyArray | None = None
    for start in range(0, len(samples), SEQUENCES_AT_ONCE):
        chunk = samples[start : start + SEQUENCES_AT_ONCE]
        part = modality.gather(chunk)
        sizes = None if part.lengths is None else torch.from_numpy(part.lengths)
        vectors = _summary(torch.from_numpy(part.values), sizes, n_windows).numpy()
        if summary is None:
            summary = np.empty((len(samples), vectors.shape[1]), dtype=np.float32)
        summary[modality.position[chunk]] = vectors
    assert summary is not None
    return Modality(summary, modality.position)
