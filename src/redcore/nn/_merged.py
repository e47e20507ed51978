"""Parts of a network that computes K networks of the same architecture at once, each on its own batch.

The tensors of the networks lie side by side on the axis of the modalities: latent codes are (n_samples, K * M, width)
for M modalities, all modalities of the first network first. Batches may differ in size; the smaller ones end with
samples that observe nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.nn._batch import Batch, GlobalCounts
from redcore.nn._bottleneck import GaussianBottleneck
from redcore.nn._codes import CodeEncoders
from redcore.nn._dropout import drop_modalities, keep_mask
from redcore.nn._objective import Objective
from redcore.nn._stacked import StackedLinear

__all__ = [
    "MergedBatch",
    "MergedBottleneck",
    "MergedEncoders",
    "can_merge_encoders",
    "drop_merged",
    "merge_batches",
    "merged_losses",
]

Layer = tuple[nn.Linear, nn.LayerNorm, float]
"""Linear layer, norm and dropout rate of an encoder."""


class MergedInputs(NamedTuple):
    """Values of one modality in the batches of K networks.

    Attributes
    ----------
    values : tensor (K, B, n_features)
        Zeros where the modality is missing.
    rows : list of int tensor (n_observed,)
        Samples of each network that observe the modality.
    """

    values: Tensor
    rows: list[Tensor]


class MergedBatch(NamedTuple):
    """Batches of K networks with M modalities and at most B samples each.

    Attributes
    ----------
    modalities : list of MergedInputs
        Sorted by modality name.
    availability : bool tensor (B, K * M)
    target : tensor (B, K, ...)
        Encoded target; see `Objective.encode`.
    sizes : list of int
        Number of samples by network.
    """

    modalities: list[MergedInputs]
    availability: Tensor
    target: Tensor
    sizes: list[int]

    @property
    def global_counts(self) -> GlobalCounts:
        """Number of samples in the longest batch, and number of samples that observe each modality, (K * M,)."""
        return GlobalCounts(len(self.availability), self.availability.sum(dim=0))


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate tensors (n_k, m, ...) along the second axis, with zeros after the end of the shorter ones."""
    longest = max(map(len, parts))
    return torch.cat([_padded(part, longest) for part in parts], dim=1)


def _padded(part: Tensor, n: int) -> Tensor:
    return part if len(part) == n else torch.cat([part, part.new_zeros(n - len(part), *part.shape[1:])])


def merge_batches(batches: Sequence[Batch]) -> MergedBatch:
    """Merge batches of vectors with targets, one for each network."""
    sizes = [batch.n_samples for batch in batches]
    inputs = [_merge_inputs(batches, index) for index in range(len(batches[0].modalities))]
    target = side_by_side([cast(Tensor, batch.target)[:, None] for batch in batches])
    return MergedBatch(inputs, side_by_side([batch.availability for batch in batches]), target, sizes)


def _merge_inputs(batches: Sequence[Batch], index: int) -> MergedInputs:
    observed = [batch.modalities[index] for batch in batches]
    longest = max(batch.n_samples for batch in batches)
    values = observed[0].values.new_zeros(len(batches), longest, observed[0].values.shape[1])
    for own, (rows, of_rows, _) in zip(values, observed, strict=True):
        own.index_copy_(0, rows, of_rows)
    return MergedInputs(values, [own.rows for own in observed])


def drop_merged(batch: MergedBatch, rate: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Return `drop_modalities` of the batches of K networks, (B, K * M), drawn from the generator of each network."""
    availability, k = batch.availability, len(batch.sizes)
    n_modalities = availability.shape[1] // k
    if rate == 0 or n_modalities == 1:
        return availability
    sizes = zip(batch.sizes, generators, strict=True)
    draw = side_by_side([torch.rand((size, n_modalities), generator=generator) for size, generator in sizes])
    shape = (-1, k, n_modalities)
    return drop_modalities(availability.view(shape), rate, draw.view(shape)).view(availability.shape)


def merged_losses(logits: Tensor, batch: MergedBatch, objective: Objective) -> Tensor:
    """Return the mean losses of the heads of K networks: logits (B, K, n_heads, n_outputs) to losses (K, n_heads)."""
    n_samples, k = logits.shape[:2]
    losses = objective.weighted_losses(logits.flatten(0, 1), batch.target.flatten(0, 1)).view(n_samples, k, -1)
    sizes = torch.tensor(batch.sizes)
    if min(batch.sizes) < n_samples:
        losses = losses * (torch.arange(n_samples)[:, None] < sizes)[..., None]
    return losses.sum(dim=0) / sizes[:, None]


class MergedBottleneck(GaussianBottleneck):
    """Bottlenecks of K networks; the noise of each network comes from its own generator.

    Parameters
    ----------
    generators : sequence of torch.Generator
    n_modalities : int
        Number of modalities of one network.
    width : int
        Size of the inputs and of the latent codes.
    noise : bool
        As in `GaussianBottleneck`.
    """

    def __init__(self, generators: Sequence[torch.Generator], n_modalities: int, width: int, noise: bool) -> None:
        super().__init__(width, width, noise, len(generators) * n_modalities)
        self.generators, self.n_modalities = generators, n_modalities
        self.sizes: list[int] = []

    def draw(self, mean: Tensor) -> Tensor:
        """Return standard normal noise for the first samples of each network, as many as `sizes` states."""
        shapes = [(size, self.n_modalities, mean.shape[2]) for size in self.sizes]
        draws = zip(shapes, self.generators, strict=True)
        return side_by_side([torch.randn(shape, generator=generator) for shape, generator in draws])


class MergedEncoders(nn.Module):
    """Encoders of M modalities of K networks: a linear layer, layer norm, GELU and dropout.

    The parameters have the names of those of `CodeEncoders` with such encoders.

    Parameters
    ----------
    encoders : CodeEncoders
        Encoders of one of the networks, for which `can_merge_encoders` is True.
    generators : sequence of torch.Generator
        Of the networks, for dropout.
    """

    def __init__(self, encoders: CodeEncoders, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.generators = generators
        layers = [cast(Layer, _single_layer(encoder)) for encoder in encoders.encoders]
        first, norm, self.dropout = layers[0]
        self.width, self.eps = first.out_features, norm.eps
        self.encoders = nn.ModuleList(_MergedEncoder(len(generators), linear) for linear, *_ in layers)

    def forward(self, batch: MergedBatch) -> Tensor:
        """Return latent codes (B, K * M, width), which are undefined for missing modalities."""
        encoders = cast(list[_MergedEncoder], list(self.encoders))
        pairs = zip(encoders, batch.modalities, strict=True)
        hidden = torch.stack([encoder.linear.by_map(inputs.values) for encoder, inputs in pairs], dim=1)
        weight = torch.stack([encoder.norm.weight for encoder in encoders], dim=1)[:, :, None]
        bias = torch.stack([encoder.norm.bias for encoder in encoders], dim=1)[:, :, None]
        # `hidden` is (K, M, B, width) and the parameters are (K, M, 1, width)
        normed = functional.layer_norm(hidden, (self.width,), eps=self.eps)
        codes = functional.gelu(torch.addcmul(bias, normed, weight))
        if self.dropout:
            codes = codes * self._mask(batch)
        return codes.flatten(0, 1).transpose(0, 1)

    def _mask(self, batch: MergedBatch) -> Tensor:
        """Return the scaled dropout mask, (K, M, B, width): zeros for missing modalities."""
        k, m, n = len(self.generators), len(self.encoders), len(batch.availability)
        mask, scale = torch.zeros(k, m * n, self.width), 1.0
        for index, (own, generator) in enumerate(zip(mask, self.generators, strict=True)):
            # the modalities of a network in turn, as in a network of its own
            rows = [inputs.rows[index] + place * n for place, inputs in enumerate(batch.modalities)]
            drawn = [keep_mask((len(one), self.width), self.dropout, generator) for one in rows]
            own.index_copy_(0, torch.cat(rows), torch.cat([kept for kept, _ in drawn]))
            scale = drawn[0][1]
        return mask.mul_(scale).view(k, m, n, self.width)


class _MergedEncoder(nn.Module):
    """Parameters of the encoders of one modality of K networks, with the names of those of `MLPEncoder`."""

    linear: StackedLinear
    norm: nn.LayerNorm

    def __init__(self, n_networks: int, linear: nn.Linear) -> None:
        super().__init__()
        stacked = StackedLinear(n_networks, linear.in_features, linear.out_features)
        norm = nn.LayerNorm((n_networks, linear.out_features))
        self.layers = nn.ModuleList([nn.ModuleList([stacked, norm])])
        # not registered a second time, under other names
        self.__dict__.update(linear=stacked, norm=norm)


def can_merge_encoders(encoders: CodeEncoders) -> bool:
    """Return True if `MergedEncoders` can compute the encoders of one network.

    They have one layer each, with the same width and dropout rate, which their attribute ``single_layer`` states. The
    caller must know that they are encoders of this package, without changes.
    """
    layers = [_single_layer(encoder) for encoder in encoders.encoders]
    sizes = {(linear.out_features, norm.eps, dropout) for linear, norm, dropout in filter(None, layers)}
    return None not in layers and len(sizes) == 1


def _single_layer(encoder: nn.Module) -> Layer | None:
    return cast("Layer | None", getattr(encoder, "single_layer", None))
