"""Means and maxima over what is there: real time steps of padded sequences, observed modalities."""

import torch
from torch import Tensor

__all__ = ["masked_max", "masked_mean", "mean_of_modalities", "mean_where", "step_mask"]


def step_mask(lengths: Tensor, time: int) -> Tensor:
    """Return True on real time steps, bool (n, time)."""
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def masked_mean(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Average (n, time, width) over the real steps of each sequence: (n, width)."""
    mask = step_mask(lengths, hidden.shape[1])[..., None]
    return hidden.masked_fill(~mask, 0.0).sum(dim=1) / lengths[:, None].to(hidden.dtype)


def masked_max(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Take the maximum of (n, time, width) over the real steps of each sequence: (n, width)."""
    mask = step_mask(lengths, hidden.shape[1])[..., None]
    return hidden.masked_fill(~mask, float("-inf")).amax(dim=1)


def mean_of_modalities(codes: Tensor, kept: Tensor) -> Tensor:
    """Return the mean code of the modalities that are kept, (n, 1, d), of (n, M, d) and bool (n, M); 0 without any."""
    weight = kept[..., None].to(codes.dtype)
    return (codes * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp(min=1)


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Return the mean of `values` where the mask of the same shape is True, a scalar; 0 if it nowhere is."""
    return (values * where).sum() / where.sum().clamp(min=1)
