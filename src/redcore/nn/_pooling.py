"""Pooling over the real time steps of padded sequences."""

import torch
from torch import Tensor

__all__ = ["masked_max", "masked_mean", "step_mask"]


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
