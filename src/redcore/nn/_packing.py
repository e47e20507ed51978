"""Packed sequences: the real time steps of a batch without padding, sorted by sequence length."""

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
"""Minimum number of sequences in a bucket. For attention, sequences are padded to the longest of their bucket."""

MAX_BUCKETS = 4
"""Maximum number of buckets of a batch."""

PARTS = 3
"""Number of projections for attention: queries, keys and values."""


@dataclass(frozen=True, eq=False)
class Bucket:
    """Sequences of similar length, which are adjacent in the packed steps.

    Attributes
    ----------
    n_steps : int
        Number of packed steps. Not used in an exported graph, where steps are not packed.
    n, time : int
        Number of sequences, and length of the longest.
    n_heads : int
        Number of attention heads.
    positions : int tensor (n_steps,) or None
        Index of each packed step in the padded bucket, flattened to (n * time,). None if steps are not packed, which
        is the case without padding and in an exported graph.
    mask : bool tensor (n, time) or None
        True for real steps; None without padding.
    """

    n_steps: int
    n: int
    time: int
    n_heads: int
    positions: Tensor | None
    mask: Tensor | None

    def pad(self, steps: Tensor) -> Tensor:
        """Pad the steps of the bucket with zeros: (n_steps, width) to (n, time, width)."""
        if self.positions is None and self.mask is not None:
            return steps.view(self.n, self.time, -1).masked_fill(~self.mask[..., None], 0.0)
        if self.positions is not None:
            steps = steps.new_zeros((self.n * self.time, steps.shape[1])).index_copy_(0, self.positions, steps)
        return steps.view(self.n, self.time, -1)

    def to_heads(self, steps: Tensor) -> Tensor:
        """Pad steps and split heads: (n_steps, 3 * n_heads * width) to (3, n, n_heads, time, width).

        Padding repeats the last real step. Results must not depend on it: the backward pass ignores its gradient.
        """
        if self.positions is None:
            return self.pad(steps).view(self.n, self.time, PARTS, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        rows = steps.reshape(len(steps) * PARTS * self.n_heads, -1)
        padded: Tensor = _ToHeads.apply(rows, self)  # type: ignore[no-untyped-call]
        return padded.view(PARTS, self.n, self.n_heads, self.time, -1)

    def from_heads(self, padded: Tensor) -> Tensor:
        """Remove padding and merge heads: (n, n_heads, time, width) to (n_steps, n_heads * width)."""
        by_step = padded.transpose(1, 2)
        if self.positions is None:
            return by_step.flatten(0, 1).flatten(1)
        # the memory layout is by steps after `scaled_dot_product_attention`, by heads after a matrix product
        if by_step.is_contiguous():
            rows, real = by_step.flatten(0, 1).flatten(1), self.positions
        else:
            rows, real = padded.flatten(0, 2), self.real_rows
        taken: Tensor = _Rows.apply(rows, real)  # type: ignore[no-untyped-call]
        return taken.view(self.n_steps, -1)

    @cached_property
    def padded_rows(self) -> Tensor:
        """Row of packed steps (n_steps, 3, n_heads) for each entry of (3, n, n_heads, time), both flattened."""
        assert self.mask is not None
        step = (self.mask.flatten().cumsum(0) - 1).int().view(self.n, 1, self.time) * (PARTS * self.n_heads)
        head = torch.arange(PARTS * self.n_heads, dtype=torch.int32, device=step.device)
        return (step + head.view(PARTS, 1, self.n_heads, 1)).flatten()

    @cached_property
    def real_rows(self) -> Tensor:
        """Row of padded heads (n, n_heads, time) for each entry of (n_steps, n_heads), both flattened."""
        assert self.positions is not None
        first = self.positions // self.time * (self.n_heads * self.time) + self.positions % self.time
        return (first[:, None] + torch.arange(self.n_heads, device=first.device) * self.time).flatten()

    @cached_property
    def real_rows_of_parts(self) -> Tensor:
        """Row of padded heads (3, n, n_heads, time) for each entry of (n_steps, 3, n_heads), both flattened."""
        part = torch.arange(PARTS, device=self.real_rows.device) * (self.n * self.n_heads * self.time)
        return (self.real_rows.view(self.n_steps, 1, self.n_heads) + part[:, None]).flatten()


@dataclass(frozen=True, eq=False)
class Packing:
    """Layout of the packed sequences of a batch.

    Attributes
    ----------
    order : int tensor (n,) or None
        Sequence of the batch at each packed position; None if the order is unchanged.
    steps : int tensor (n_steps,) or None
        Index of each packed step in the batch, flattened to (n * time,); None without padding.
    lengths : int tensor (n,)
        Sequence lengths in packed order.
    buckets : list of Bucket
    """

    order: Tensor | None
    steps: Tensor | None
    lengths: Tensor
    buckets: list[Bucket]

    @classmethod
    def of(cls, lengths: Tensor, time: int, n_heads: int = 1) -> "Packing":
        """Create the layout for sequences with the given lengths, (n,), which are padded to `time`."""
        if is_traced():
            # shapes must not depend on values, so all sequences stay padded
            n, mask = lengths.shape[0], step_mask(lengths, time)
            return cls(None, None, lengths, [Bucket(n, n, time, n_heads, None, mask)])
        n = len(lengths)
        if min(lengths.tolist()) == time:
            return cls(None, None, lengths, [Bucket(n * time, n, time, n_heads, None, None)])
        order = lengths.argsort(stable=True)
        sorted_lengths = lengths[order]
        mask = step_mask(sorted_lengths, time)
        steps = (order[:, None] * time + torch.arange(time, device=lengths.device))[mask]
        return cls(order, steps, sorted_lengths, _buckets(sorted_lengths, n_heads))

    def pack(self, padded: Tensor) -> Tensor:
        """Remove padding: (n, time, width) to (n_steps, width)."""
        flat = padded.flatten(0, 1)
        return flat if self.steps is None else flat.index_select(0, self.steps)

    def split(self, packed: Tensor) -> Sequence[Tensor]:
        """Split packed steps (n_steps, width) into those of each bucket."""
        # slices would each have a gradient of the size of the full tensor
        sizes = [bucket.n_steps for bucket in self.buckets]
        return (packed,) if len(sizes) == 1 else torch.split(packed, sizes)

    def mean(self, packed: Tensor) -> Tensor:
        """Average packed steps (n_steps, width) over each sequence; return (n, width) in the order of the batch."""
        parts = zip(self.buckets, self.split(packed), strict=True)
        sums = torch.cat([bucket.pad(steps).sum(dim=1) for bucket, steps in parts])
        means = sums / self.lengths[:, None].to(packed.dtype)
        return means if self.order is None else means.new_zeros(means.shape).index_copy_(0, self.order, means)


class _ToHeads(torch.autograd.Function):
    """Copy of packed steps to padded heads; forward and backward pass are one `index_select` each."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, bucket: Bucket) -> Tensor:
        ctx.bucket = bucket
        return rows.index_select(0, bucket.padded_rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.index_select(0, ctx.bucket.real_rows_of_parts), None


class _Rows(torch.autograd.Function):
    """Selection of distinct rows, which copies gradients in the backward pass where `index_select` would add them."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, positions: Tensor) -> Tensor:
        ctx.save_for_backward(positions)
        ctx.shape = flat.shape
        return flat.index_select(0, positions)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (positions,) = ctx.saved_tensors
        return gradient.new_zeros(ctx.shape).index_copy_(0, positions, gradient), None


def _buckets(lengths: Tensor, n_heads: int) -> list[Bucket]:
    """Divide sequences, sorted by length, into buckets with about equal numbers of sequences."""
    n, sizes = len(lengths), lengths.tolist()
    n_buckets = max(1, min(MAX_BUCKETS, n // BUCKET))
    buckets = []
    for index in range(n_buckets):
        first, last = n * index // n_buckets, n * (index + 1) // n_buckets
        time, n_steps = sizes[last - 1], sum(sizes[first:last])
        mask = step_mask(lengths[first:last], time)
        padded = sizes[first] < time
        positions = torch.nonzero(mask.flatten())[:, 0] if padded else None
        buckets.append(Bucket(n_steps, last - first, time, n_heads, positions, mask if padded else None))
    return buckets
