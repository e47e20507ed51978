"""Batches of samples as tensors that hold observed modalities only."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData

__all__ = ["Batch", "GlobalCounts", "ObservedTensor", "collate"]


class ObservedTensor(NamedTuple):
    """Values of one modality for the samples of a batch that observe it; see `redcore.data.Observed`.

    Attributes
    ----------
    rows : int tensor (n_observed,)
        Rows of these samples in the batch.
    values : tensor (n_observed, n_features) or (n_observed, time, n_features)
    lengths : int tensor (n_observed,) or None
        Sequence lengths; None for vectors.
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
        """Counts over all processes. Losses are divided by them, so that their sum over processes is the batch mean."""
        return self.shared or GlobalCounts(self.n_samples, self.availability.sum(dim=0))


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
