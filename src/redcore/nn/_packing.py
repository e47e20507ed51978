"""Sequences of a batch without their padding: real time steps one after the other, shortest sequence first."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from redcore.nn._pooling import step_mask
from redcore.nn._tracing import is_traced

__all__ = ["Bucket", "Packing"]

BUCKET = 16
"""Least number of sequences that are padded together, to the longest of them, where steps must see one another."""

MAX_BUCKETS = 4


@dataclass(frozen=True, eq=False)
class Bucket:
    """Sequences of similar length, side by side in the packed steps.

    Attributes
    ----------
    steps : slice
        Where they are in the packed steps.
    n, time : int
        Number of sequences, and length of the longest.
    places : tensor or None
        Place of each packed step in the padded bucket, (n * time,) flattened; None if the steps are not packed: if
        there is no padding, or in a graph for export.
    mask : bool tensor (n, time) or None
        True on real steps; None if there is no padding.
    """

    steps: slice
    n: int
    time: int
    places: Tensor | None
    mask: Tensor | None

    def pad(self, packed: Tensor) -> Tensor:
        """Return the bucket's steps of (total, width) as (n, time, width), zeros at the end of shorter sequences."""
        own = packed[self.steps]
        if self.places is None and self.mask is not None:
            return own.view(self.n, self.time, -1).masked_fill(~self.mask[..., None], 0.0)
        if self.places is not None:
            own = own.new_zeros((self.n * self.time, own.shape[1])).index_copy_(0, self.places, own)
        return own.view(self.n, self.time, -1)

    def unpad(self, padded: Tensor) -> Tensor:
        """Return the real steps of (n, time, width)."""
        flat = padded.flatten(0, 1)
        if self.places is None:
            return flat
        taken: Tensor = _Rows.apply(flat, self.places)  # type: ignore[no-untyped-call]
        return taken


@dataclass(frozen=True, eq=False)
class Packing:
    """How a batch of sequences is packed.

    Attributes
    ----------
    order : tensor (n,) or None
        Packed place -> sequence of the batch; None if they are as they come.
    steps : tensor (total,) or None
        Place of each packed step in the batch, (n * time,) flattened; None if there is no padding.
    lengths : tensor (n,)
        In packed order.
    buckets : list of Bucket
    """

    order: Tensor | None
    steps: Tensor | None
    lengths: Tensor
    buckets: list[Bucket]

    @classmethod
    def of(cls, lengths: Tensor, time: int) -> "Packing":
        """Work out the packing of sequences of these lengths, (n,), padded to `time`."""
        if is_traced():
            # values must not decide on sizes: everything stays padded
            n, mask = lengths.shape[0], step_mask(lengths, time)
            return cls(None, None, lengths, [Bucket(slice(0, None), n, time, None, mask)])
        n, known = len(lengths), lengths.tolist()
        if min(known) == time:
            return cls(None, None, lengths, [Bucket(slice(0, n * time), n, time, None, None)])
        order = lengths.argsort(stable=True)
        sorted_lengths = lengths[order]
        real = step_mask(sorted_lengths, time)
        steps = (order[:, None] * time + torch.arange(time, device=lengths.device))[real]
        return cls(order, steps, sorted_lengths, _buckets(sorted_lengths))

    def pack(self, padded: Tensor) -> Tensor:
        """Return the real steps of (n, time, width): (total, width)."""
        flat = padded.flatten(0, 1)
        return flat if self.steps is None else flat.index_select(0, self.steps)

    def mean(self, packed: Tensor) -> Tensor:
        """Average (total, width) over the steps of each sequence, in the order of the batch: (n, width)."""
        sums = torch.cat([bucket.pad(packed).sum(dim=1) for bucket in self.buckets])
        means = sums / self.lengths[:, None].to(packed.dtype)
        return means if self.order is None else means.new_zeros(means.shape).index_copy_(0, self.order, means)


class _Rows(torch.autograd.Function):
    """Rows at places that differ from one another: unlike `index_select`, it need not add in the backward pass."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = flat.shape
        return flat.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.shape).index_copy_(0, places, gradient), None


def _buckets(lengths: Tensor) -> list[Bucket]:
    """Share sorted sequences out to buckets of about equal numbers."""
    n, known = len(lengths), lengths.tolist()
    n_buckets = max(1, min(MAX_BUCKETS, n // BUCKET))
    buckets, start = [], 0
    for index in range(n_buckets):
        first, last = n * index // n_buckets, n * (index + 1) // n_buckets
        time, stop = known[last - 1], start + sum(known[first:last])
        mask = step_mask(lengths[first:last], time)
        padded = known[first] < time
        places = torch.nonzero(mask.flatten())[:, 0] if padded else None
        buckets.append(Bucket(slice(start, stop), last - first, time, places, mask if padded else None))
        start = stop
    return buckets
