"""What a graph is given: values of every modality, dense, and which of them are there."""

from typing import NamedTuple

import torch
from torch import Tensor

from redcore.methods import ModalityForm
from redcore.nn import Batch, ObservedTensor, step_mask

__all__ = ["Given", "GivenModality", "read_inputs"]


class GivenModality(NamedTuple):
    """One modality of all samples of a batch.

    Attributes
    ----------
    there : bool tensor (n_samples,)
        Which samples observe it.
    values : tensor (n_samples, n_features) or (n_samples, time, n_features)
        Zeros where it is missing, and beyond the length of a sequence.
    lengths : int tensor (n_samples,) or None
        At least 1, also where the modality is missing; None for vectors.
    """

    there: Tensor
    values: Tensor
    lengths: Tensor | None


class Given(NamedTuple):
    """A batch whose missing values have been wiped out."""

    modalities: dict[str, GivenModality]
    availability: Tensor

    def batch(self) -> Batch:
        """Return the batch of a network: the values of all samples.

        Networks read the availability, and so never what stands for a missing value.
        """
        rows = torch.arange(self.availability.shape[0])
        parts = [ObservedTensor(rows, part.values, part.lengths) for part in self.modalities.values()]
        return Batch(tuple(parts), self.availability, None)


def read_inputs(forms: list[ModalityForm], availability: Tensor, values: list[Tensor], lengths: list[Tensor]) -> Given:
    """Wipe out what is missing: whatever lies there, NaN too, is replaced by zeros."""
    remaining = iter(lengths)
    modalities = {}
    for column, ((name, _, is_sequence), given) in enumerate(zip(forms, values, strict=True)):
        there = availability[:, column]
        if is_sequence:
            modalities[name] = _sequences(there, given, next(remaining))
        else:
            modalities[name] = GivenModality(there, torch.where(there[:, None], given, 0.0), None)
    return Given(modalities, availability)


def _sequences(there: Tensor, values: Tensor, lengths: Tensor) -> GivenModality:
    time = values.shape[1]
    lengths = torch.where(there, lengths, 1).clamp(1, time)
    real = step_mask(lengths, time) & there[:, None]
    return GivenModality(there, torch.where(real[..., None], values, 0.0), lengths)
