"""Dropout with masks that are cheap to draw on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Dropout", "dropout", "dropout_relu", "keep_mask"]

LEVELS = 256
"""Masks come from random bytes, so that the probability is rounded to 1/256."""


def keep_mask(values: Tensor, probability: float) -> tuple[Tensor, float]:
    """Return a mask of the form of `values` on the CPU, 0 with `probability` and else 1, and what keeps the mean.

    `torch.nn.functional.dropout` draws one number of 32 bits per entry, one after the other; here eight entries share
    the bytes of one draw of 64 bits, a seventh of the time. Bytes of one draw are as independent as draws are.
    """
    n_dropped = min(round(probability * LEVELS), LEVELS - 1)
    drawn = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    mask = torch.empty(values.shape)
    # straight into floats: through a bool mask it takes five times as long
    torch.ge(drawn.view(torch.uint8)[: values.numel()].view(values.shape), n_dropped, out=mask)
    return mask.to(values.dtype), LEVELS / (LEVELS - n_dropped)


def dropout(values: Tensor, probability: float, in_place: bool = False) -> Tensor:
    """Set entries to 0 with `probability` and scale the others up; on a CPU with the masks of `keep_mask`."""
    if probability == 0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, probability)
    mask, scale = keep_mask(values, probability)
    mask.mul_(scale)
    return values.mul_(mask) if in_place else values * mask


def dropout_relu(values: Tensor, probability: float) -> tuple[Tensor, float]:
    """Overwrite `values` with ReLU and dropout of it, not scaled up; return it, and what is left to be scaled by.

    Whoever maps the result may scale its weights instead, which are fewer.
    """
    if probability == 0 or values.device.type != "cpu":
        return dropout(values.relu_(), probability), 1.0
    mask, scale = keep_mask(values, probability)
    dropped: Tensor = _MaskedReLU.apply(values, mask)  # type: ignore[no-untyped-call]
    return dropped, scale


class _MaskedReLU(torch.autograd.Function):
    """``relu(values * mask)`` in place: where the result is 0 so is the gradient, and the mask need not be kept."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, mask: Tensor) -> Tensor:
        values.mul_(mask).relu_()
        ctx.mark_dirty(values)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradient, result, 0), None


class Dropout(nn.Module):
    """`dropout` in training, nothing otherwise.

    Parameters
    ----------
    probability : float in [0, 1)
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Return `values` with dropout."""
        return dropout(values, self.probability) if self.training else values
