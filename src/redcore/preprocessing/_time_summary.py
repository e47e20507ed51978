"""Fixed summaries of sequences, images and token ids as vectors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray
from redcore.data import Modality, MultimodalData
from redcore.nn import Batch, step_mask
from redcore.preprocessing._raw import raw_summary

__all__ = ["summarize", "vectors_of"]

SEQUENCES_AT_ONCE = 512


def summarize(batch: Batch, windows: Sequence[int] = ()) -> Batch:
    """Replace the sequences, images and token ids of a batch by vectors.

    The vector of a sequence holds the mean, standard deviation, minimum and maximum over time of each feature, in four
    blocks, and the mean and standard deviation in each of several windows of equal length: (n, (4 + 2 * n_windows) *
    n_features), float32. Images and token ids are summarised by `raw_summary`. Modalities that are vectors stay as they
    are.

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
        return _statistics(values, lengths, n_windows)
    return raw_summary(values, lengths)


def _statistics(values: Tensor, lengths: Tensor, n_windows: int) -> Tensor:
    """Map padded sequences (n, time, n_features) with zeros in the padding to (n, (4 + 2 * n_windows) * n_features)."""
    real = step_mask(lengths, values.shape[1])[..., None]
    wide, counts = values.double(), lengths[:, None].double()
    mean = wide.sum(dim=1) / counts
    deviation = (wide - mean[:, None]) * real
    spread = (deviation.square().sum(dim=1) / counts).sqrt()
    # padding is replaced by the first step; extremes are faster over the last dimension
    filled = torch.where(real, values, values[:, :1]).transpose(1, 2).contiguous()
    blocks = [mean.float(), spread.float(), filled.amin(dim=2), filled.amax(dim=2)]
    return torch.cat([*blocks, *_windowed(deviation, mean, lengths, n_windows)], dim=1)


def _windowed(deviation: Tensor, mean: Tensor, lengths: Tensor, n_windows: int) -> Iterator[Tensor]:
    """Yield mean and standard deviation of each window, from the deviations from the mean over all steps.

    Windows overlap by a step if the length is not divisible by their number, so that none of them is empty.
    """
    if not n_windows:
        return
    start = torch.zeros_like(deviation[:, :1])
    sums = torch.cat([start, deviation.cumsum(dim=1)], dim=1)
    squares = torch.cat([start, deviation.square().cumsum(dim=1)], dim=1)
    for window in range(n_windows):
        first = window * lengths // n_windows
        last = ((window + 1) * lengths + n_windows - 1) // n_windows
        size = (last - first)[:, None].double()
        shift = (_at(sums, last) - _at(sums, first)) / size
        variance = (_at(squares, last) - _at(squares, first)) / size - shift.square()
        yield (mean + shift).float()
        yield variance.clamp(min=0.0).sqrt().float()


def _at(steps: Tensor, index: Tensor) -> Tensor:
    """Return the step `index` (n,) of each sequence (n, time, n_features), (n, n_features)."""
    return steps.gather(1, index[:, None, None].expand(-1, 1, steps.shape[2]))[:, 0]


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
