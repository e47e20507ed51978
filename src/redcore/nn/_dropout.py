"""Dropout of hidden units, with fast mask generation on CPUs, and of whole modalities."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Dropout", "drop_modalities", "dropout", "dropout_relu", "keep_mask"]

LEVELS = 256
"""Number of values of a random byte. Masks come from random bytes, so probabilities are multiples of 1/256."""


def keep_mask(
    shape: Sequence[int], probability: float, generator: torch.Generator | None = None
) -> tuple[Tensor, float]:
    """Return a dropout mask on the CPU, float32, and the factor that preserves the mean.

    The mask is 0 with `probability`, else 1. `torch.nn.functional.dropout` draws a 32-bit number per entry. This
    function draws a 64-bit number per eight entries and uses one byte for each, which takes a seventh of the time. The
    bytes of a draw are independent.
    """
    n_dropped, size = min(round(probability * LEVELS), LEVELS - 1), math.prod(shape)
    drawn = torch.empty(-(-size // 8), dtype=torch.int64)
    drawn.random_(torch.iinfo(torch.int64).min, None, generator=generator)
    mask = torch.empty(shape)
    # writes floats directly; converting a bool mask takes five times as long
    torch.ge(drawn.view(torch.uint8)[:size].view(shape), n_dropped, out=mask)
    return mask, LEVELS / (LEVELS - n_dropped)


def dropout(values: Tensor, probability: float, in_place: bool = False) -> Tensor:
    """Apply dropout to `values`; on a CPU with the masks of `keep_mask`."""
    if probability == 0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, probability)
    mask, scale = keep_mask(values.shape, probability)
    mask = mask.to(values.dtype).mul_(scale)
    return values.mul_(mask) if in_place else values * mask


def dropout_relu(values: Tensor, probability: float) -> tuple[Tensor, float]:
    """Apply ReLU and unscaled dropout to `values` in place; return the result and the remaining scale factor.

    A linear layer that follows can scale its weights instead of the values, which is faster.
    """
    if probability == 0 or values.device.type != "cpu":
        return dropout(values.relu_(), probability), 1.0
    mask, scale = keep_mask(values.shape, probability)
    dropped: Tensor = _MaskedReLU.apply(values, mask.to(values.dtype))  # type: ignore[no-untyped-call]
    return dropped, scale


class _MaskedReLU(torch.autograd.Function):
    """``relu(values * mask)`` in place. The gradient is 0 if the result is 0, so the mask is not stored."""

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
    """Dropout in training mode, identity in evaluation mode.

    Parameters
    ----------
    probability : float in [0, 1)
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Apply dropout to `values` in training mode."""
        return dropout(values, self.probability) if self.training else values


def drop_modalities(availability: Tensor, rate: float, draw: Tensor | None = None) -> Tensor:
    """Return the availability mask with each observed modality removed with probability `rate`.

    Samples with at least one observed modality keep at least one, chosen at random.

    Parameters
    ----------
    availability : bool tensor (..., n_modalities)
    rate : float in [0, 1)
    draw : tensor (..., n_modalities), optional
        Uniform random numbers in [0, 1). Default: a new draw.
    """
    if rate == 0 or availability.shape[-1] == 1:
        return availability
    draw = torch.rand(availability.shape, device=availability.device) if draw is None else draw
    highest = draw.masked_fill(~availability, -1.0).argmax(dim=-1, keepdim=True)
    stays = (draw >= rate).scatter(-1, highest, True)
    return availability & stays
