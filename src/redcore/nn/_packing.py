"""Sequences of a batch without their padding: real time steps one after the other, shortest sequence first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from redcore.nn._pooling import step_mask
from redcore.nn._tracing import is_traced

__all__ = ["Bucket", "Packing"]

BUCKET = 16
"""Least number of sequences that are padded together, to the longest of them, where steps must see one another."""

MAX_BUCKETS = 4

PARTS = 3
"""Queries, keys and values."""


@dataclass(frozen=True, eq=False)
class Bucket:
    """Sequences of similar length, side by side in the packed steps.

    Attributes
    ----------
    n_steps : int
        Number of packed steps; in a graph for export, where steps are not packed, of no meaning.
    n, time : int
        Number of sequences, and length of the longest.
    n_heads : int
        Heads of the attention within sequences.
    places : tensor or None
        Place of each packed step in the padded bucket, (n * time,) flattened; None if the steps are not packed: if
        there is no padding, or in a graph for export.
    mask : bool tensor (n, time) or None
        True on real steps; None if there is no padding.
    """

    n_steps: int
    n: int
    time: int
    n_heads: int
    places: Tensor | None
    mask: Tensor | None

    def pad(self, own: Tensor) -> Tensor:
        """Return the bucket's steps (n_steps, width) as (n, time, width), zeros at the end of shorter sequences."""
        if self.places is None and self.mask is not None:
            return own.view(self.n, self.time, -1).masked_fill(~self.mask[..., None], 0.0)
        if self.places is not None:
            own = own.new_zeros((self.n * self.time, own.shape[1])).index_copy_(0, self.places, own)
        return own.view(self.n, self.time, -1)

    def to_heads(self, own: Tensor) -> Tensor:
        """Return the bucket's steps (n_steps, 3 * n_heads * width) as (3, n, n_heads, time, width), padded.

        Padding is a copy of the last step. Nothing may depend on it: its gradient is taken to be zero.
        """
        if self.places is None:
            return self.pad(own).view(self.n, self.time, PARTS, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        rows = own.reshape(len(own) * PARTS * self.n_heads, -1)
        padded: Tensor = _ToHeads.apply(rows, self)  # type: ignore[no-untyped-call]
        return padded.view(PARTS, self.n, self.n_heads, self.time, -1)

    def from_heads(self, padded: Tensor) -> Tensor:
        """Return the real steps of (n, n_heads, time, width): (n_steps, n_heads * width)."""
        by_step = padded.transpose(1, 2)
        if self.places is None:
            return by_step.flatten(0, 1).flatten(1)
        # torch's own attention lays out its result by steps, a product by heads
        if by_step.is_contiguous():
            rows, real = by_step.flatten(0, 1).flatten(1), self.places
        else:
            rows, real = padded.flatten(0, 2), self.real_rows
        taken: Tensor = _Rows.apply(rows, real)  # type: ignore[no-untyped-call]
        return taken.view(self.n_steps, -1)

    @cached_property
    def padded_rows(self) -> Tensor:
        """For each of (3, n, n_heads, time), the row of (n_steps, 3, n_heads); both flattened."""
        assert self.mask is not None
        step = (self.mask.flatten().cumsum(0) - 1).int().view(self.n, 1, self.time) * (PARTS * self.n_heads)
        head = torch.arange(PARTS * self.n_heads, dtype=torch.int32, device=step.device)
        return (step + head.view(PARTS, 1, self.n_heads, 1)).flatten()

    @cached_property
    def real_rows(self) -> Tensor:
        """For each of (n_steps, n_heads), the row of (n, n_heads, time); both flattened."""
        assert self.places is not None
        first = self.places // self.time * (self.n_heads * self.time) + self.places % self.time
        return (first[:, None] + torch.arange(self.n_heads, device=first.device) * self.time).flatten()

    @cached_property
    def real_rows_of_parts(self) -> Tensor:
        """For each of (n_steps, 3, n_heads), the row of (3, n, n_heads, time); both flattened."""
        part = torch.arange(PARTS, device=self.real_rows.device) * (self.n * self.n_heads * self.time)
        return (self.real_rows.view(self.n_steps, 1, self.n_heads) + part[:, None]).flatten()


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
    def of(cls, lengths: Tensor, time: int, n_heads: int = 1) -> "Packing":
        """Work out the packing of sequences of these lengths, (n,), padded to `time`."""
        if is_traced():
            # values must not decide on sizes: everything stays padded
            n, mask = lengths.shape[0], step_mask(lengths, time)
            return cls(None, None, lengths, [Bucket(n, n, time, n_heads, None, mask)])
        n, known = len(lengths), lengths.tolist()
        if min(known) == time:
            return cls(None, None, lengths, [Bucket(n * time, n, time, n_heads, None, None)])
        order = lengths.argsort(stable=True)
        sorted_lengths = lengths[order]
        real = step_mask(sorted_lengths, time)
        steps = (order[:, None] * time + torch.arange(time, device=lengths.device))[real]
        return cls(order, steps, sorted_lengths, _buckets(sorted_lengths, n_heads))

    def pack(self, padded: Tensor) -> Tensor:
        """Return the real steps of (n, time, width): (total, width)."""
        flat = padded.flatten(0, 1)
        return flat if self.steps is None else flat.index_select(0, self.steps)

    def split(self, packed: Tensor) -> Sequence[Tensor]:
        """Return the steps of each bucket, of (total, width)."""
        # not by slices: the gradient of each would be as large as all of them
        sizes = [bucket.n_steps for bucket in self.buckets]
        return (packed,) if len(sizes) == 1 else torch.split(packed, sizes)

    def mean(self, packed: Tensor) -> Tensor:
        """Average (total, width) over the steps of each sequence, in the order of the batch: (n, width)."""
        parts = zip(self.buckets, self.split(packed), strict=True)
        sums = torch.cat([bucket.pad(own).sum(dim=1) for bucket, own in parts])
        means = sums / self.lengths[:, None].to(packed.dtype)
        return means if self.order is None else means.new_zeros(means.shape).index_copy_(0, self.order, means)


class _ToHeads(torch.autograd.Function):
    """Rows of packed steps as rows of padded heads, and back in the backward pass: each a single copy."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, bucket: Bucket) -> Tensor:
        ctx.bucket = bucket
        return rows.index_select(0, bucket.padded_rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.index_select(0, ctx.bucket.real_rows_of_parts), None


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


def _buckets(lengths: Tensor, n_heads: int) -> list[Bucket]:
    """Share sorted sequences out to buckets of about equal numbers."""
    n, known = len(lengths), lengths.tolist()
    n_buckets = max(1, min(MAX_BUCKETS, n // BUCKET))
    buckets = []
    for index in range(n_buckets):
        first, last = n * index // n_buckets, n * (index + 1) // n_buckets
        time, n_steps = known[last - 1], sum(known[first:last])
        mask = step_mask(lengths[first:last], time)
        padded = known[first] < time
        places = torch.nonzero(mask.flatten())[:, 0] if padded else None
        buckets.append(Bucket(n_steps, last - first, time, n_heads, places, mask if padded else None))
    return buckets
