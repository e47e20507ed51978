"""Batches of samples as tensors that hold observed modalities only."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, chunks
from redcore.nn._tracing import is_traced

__all__ = ["Batch", "GlobalCounts", "ObservedTensor", "batches", "collate"]

PREDICTION_BATCH = 512
"""Samples per batch in prediction. The number bounds memory and changes results by rounding only."""

LINEAR_BATCH = 8192
"""The same for linear models of vectors, which need little memory and would spend their time on many small batches."""


class ObservedTensor(NamedTuple):
    """Values of one modality for the samples of a batch that observe it; see `redcore.data.Observed`.

    Attributes
    ----------
    rows : int tensor (n_observed,)
        Rows of these samples in the batch, in ascending order.
    values : tensor (n_observed, n_features) or (n_observed, time, n_features)
        Images are (n_observed, channels, height, width), and token ids are int64 (n_observed, time).
    lengths : int tensor (n_observed,) or None
        Sequence lengths; None for vectors and images.
    """

    rows: Tensor
    values: Tensor
    lengths: Tensor | None


class GlobalCounts(NamedTuple):
    """Counts of a batch over all processes of a fit.

    Attributes
    ----------
    n_samples : int
        Number of samples.
    n_observed : int tensor (n_modalities,)
        Number of samples that observe each modality.
    """

    n_samples: int
    n_observed: Tensor


class Batch(NamedTuple):
    """A batch of samples.

    Attributes
    ----------
    modalities : tuple of ObservedTensor
        Observed values of each modality, sorted by modality name.
    availability : bool tensor (n_samples, n_modalities)
        True if the sample observes the modality.
    target : tensor or None
        Encoded target; see `Objective.encode`.
    shared : GlobalCounts or None
        Counts over all processes if this batch is the share of one of several processes, else None.
    """

    modalities: tuple[ObservedTensor, ...]
    availability: Tensor
    target: Tensor | None
    shared: GlobalCounts | None = None

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        # `len` would make the batch size a constant of an exported graph
        return self.availability.shape[0]

    @property
    def global_counts(self) -> GlobalCounts:
        """Numbers of samples of the batch over all processes of the fit.

        Each process divides its sums of losses by these numbers. The sum of the results over the processes is then the
        mean over the whole batch.
        """
        return self.shared or GlobalCounts(self.n_samples, self.availability.sum(dim=0))

    def spread(self, index: int, values: Tensor) -> Tensor:
        """Place what was computed from one modality at the samples of the batch.

        Parameters
        ----------
        index : int
            Position of the modality in `modalities`.
        values : tensor (n_observed, width)
            One row per entry of ``modalities[index].rows``.

        Returns
        -------
        tensor (n_samples, width)
            Zeros where the modality is missing.
        """
        if is_traced():
            # a traced batch has a row for every sample, also where the modality is missing
            return torch.where(self.availability[:, index, None], values, 0.0)
        if values.shape[0] == self.n_samples:
            return values
        return values.new_zeros((self.n_samples, values.shape[1])).index_copy_(0, self.modalities[index].rows, values)


def collate(
    data: MultimodalData, indices: IntArray, target: AnyArray | None = None, device: torch.device | None = None
) -> Batch:
    """Return a batch of the samples at `indices`.

    Parameters
    ----------
    data : MultimodalData
    indices : int array (n_samples,)
    target : array, optional
        Encoded target of all samples of `data`; see `Objective.encode`.
    device : torch.device, optional
        Device of the batch. Default: CPU.
    """
    availability = np.stack([modality.position[indices] >= 0 for modality in data.modalities.values()], axis=1)
    observed = []
    for modality in data.modalities.values():
        gathered = modality.gather(indices)
        lengths = None if gathered.lengths is None else torch.from_numpy(gathered.lengths).to(device)
        rows, values = torch.from_numpy(gathered.rows).to(device), torch.from_numpy(gathered.values).to(device)
        observed.append(ObservedTensor(rows, values, lengths))
    labels = None if target is None else torch.from_numpy(target[indices]).to(device)
    return Batch(tuple(observed), torch.from_numpy(availability).to(device), labels)


def batches(data: MultimodalData, device: torch.device | None = None, *, is_linear: bool = False) -> Iterator[Batch]:
    """Yield the samples of `data` in order, in batches without a target; stored data is read in chunks.

    Parameters
    ----------
    data : MultimodalData
    device : torch.device, optional
        Default: CPU.
    is_linear : bool, default False
        If True, the batches are for linear models. They are larger if all modalities are vectors.
    """
    only_vectors = all(modality.form == "vectors" for modality in data.modalities.values())
    size = LINEAR_BATCH if is_linear and only_vectors else PREDICTION_BATCH
    for chunk in chunks(data):
        for start in range(0, chunk.n_samples, size):
            rows = np.arange(start, min(start + size, chunk.n_samples))
            yield collate(chunk, rows, device=device)
