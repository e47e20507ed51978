"""Dropout with masks that are cheap to draw on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Dropout", "dropout", "keep_mask"]

LEVELS = 256
"""Masks come from random bytes, so that the probability is rounded to 1/256."""


def keep_mask(values: Tensor, probability: float) -> Tensor:
    """Return a mask of the shape of `values` on the CPU: 0 with `probability`, else what keeps the mean.

    `torch.nn.functional.dropout` draws one number of 32 bits per entry, one after the other; here eight entries share
    the bytes of one draw of 64 bits, a seventh of the time. Bytes of one draw are as independent as draws are.
    """
    n_dropped = min(round(probability * LEVELS), LEVELS - 1)
    drawn = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    mask = torch.empty(values.shape)
    torch.ge(drawn.view(torch.uint8)[: values.numel()].view(values.shape), n_dropped, out=mask)
    return mask.mul_(LEVELS / (LEVELS - n_dropped)).to(values.dtype)


def dropout(values: Tensor, probability: float, in_place: bool = False) -> Tensor:
    """Set entries to 0 with `probability` and scale the others up; on a CPU with the masks of `keep_mask`."""
    if probability == 0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, probability)
    mask = keep_mask(values, probability)
    return values.mul_(mask) if in_place else values * mask


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
