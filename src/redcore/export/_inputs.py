"""Dense inputs of a graph as a batch."""

import torch
from torch import Tensor

from redcore.methods import ModalityForm
from redcore.nn import Batch, ObservedTensor, step_mask

__all__ = ["read_inputs"]


def read_inputs(forms: list[ModalityForm], availability: Tensor, values: list[Tensor], lengths: list[Tensor]) -> Batch:
    """Return a batch for tracing, in which every modality has a row for every sample.

    Values of missing modalities and values beyond the length of a sequence are replaced by zeros, NaN included.

    Parameters
    ----------
    forms : list of ModalityForm
    availability : bool tensor (n_samples, n_modalities)
    values : list of tensor
        By modality; see `PredictionGraph.forward`.
    lengths : list of int64 tensor (n_samples,)
        By modality that is a sequence.
    """
    rows = torch.arange(availability.shape[0])
    remaining = iter(lengths)
    parts = []
    for column, (form, dense) in enumerate(zip(forms, values, strict=True)):
        observed = availability[:, column]
        if not form.n_steps:
            mask = observed[:, None] if form.shape is None else observed[:, None, None, None]
            parts.append(ObservedTensor(rows, _masked(dense, mask), None))
            continue
        time = dense.shape[1]
        # a missing sequence has length 1, since encoders divide by the length
        steps = torch.where(observed, next(remaining), 1).clamp(1, time)
        real = step_mask(steps, time) & observed[:, None]
        parts.append(ObservedTensor(rows, _masked(dense, real if form.n_tokens else real[..., None]), steps))
    return Batch(tuple(parts), availability, None)


def _masked(dense: Tensor, mask: Tensor) -> Tensor:
    """Return the values where the mask is True, else 0."""
    return torch.where(mask, dense, torch.zeros((), dtype=dense.dtype))
