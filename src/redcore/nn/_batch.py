"""One batch as tensors: what is observed, and nothing else."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData

__all__ = ["Batch", "ObservedTensor", "Whole", "collate"]


class ObservedTensor(NamedTuple):
    """The samples of a batch that observe one modality; see `redcore.data.Observed`."""

    rows: Tensor
    values: Tensor
    lengths: Tensor | None


class Whole(NamedTuple):
    """Counts of a batch that several processes share.

    Attributes
    ----------
    n_samples : int
    n_observed : tensor (n_modalities,)
        Samples that observe each modality.
    """

    n_samples: int
    n_observed: Tensor


class Batch(NamedTuple):
    """A batch of samples.

    Attributes
    ----------
    modalities : tuple of ObservedTensor
        In the sorted order of the modality names.
    availability : bool tensor (n_samples, n_modalities)
    target : tensor or None
        Class codes (n_samples,), or float (n_samples, n_outputs).
    shared : Whole or None
        Of what this batch is one process's share; None if it is all there is.
    """

    modalities: tuple[ObservedTensor, ...]
    availability: Tensor
    target: Tensor | None
    shared: Whole | None = None

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        # of the shape: `len` would fix the size of a graph for export
        return self.availability.shape[0]

    @property
    def whole(self) -> Whole:
        """Counts over all processes, by which losses are divided: their sum is then the loss of the whole batch."""
        return self.shared or Whole(self.n_samples, self.availability.sum(dim=0))


def collate(
    data: MultimodalData, indices: IntArray, target: AnyArray | None = None, device: torch.device | None = None
) -> Batch:
    """Gather the samples at `indices`.

    Parameters
    ----------
    data : MultimodalData
    indices : int array (n_samples,)
    target : array, optional
        Target of all of `data`, as the objective wants it.
    device : torch.device, optional
        Default: CPU.
    """
    availability = np.stack([modality.position[indices] >= 0 for modality in data.modalities.values()], axis=1)
    observed = []
    for modality in data.modalities.values():
        part = modality.gather(indices)
        lengths = None if part.lengths is None else torch.from_numpy(part.lengths).to(device)
        rows, values = torch.from_numpy(part.rows).to(device), torch.from_numpy(part.values).to(device)
        observed.append(ObservedTensor(rows, values, lengths))
    labels = None if target is None else torch.from_numpy(target[indices]).to(device)
    return Batch(tuple(observed), torch.from_numpy(availability).to(device), labels)
