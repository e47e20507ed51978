"""Transformer with mean pooling over the real time steps (the reference architecture)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.nn._dropout import dropout, dropout_relu, keep_mask
from redcore.nn._packing import Packing
from redcore.nn._pooling import as_sequences
from redcore.nn.encoders import EncoderSpec

__all__ = ["TransformerEncoder", "build"]


class Block(nn.Module):
    """Transformer block ``x = x + LN(MHA(LN(x)))``, ``x = x + LN(W2 relu(W1 LN(x)))`` with pre- and post-norm."""

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        width = spec.width
        self.attention_dropout, self.dropout = spec.attention_dropout, spec.dropout
        self.norm_before_attention, self.norm_after_attention = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_before_mlp, self.norm_after_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project_in, self.project_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.project_in.weight)
        nn.init.zeros_(self.project_in.bias)
        nn.init.zeros_(self.project_out.bias)
        self.widen = nn.Linear(width, spec.hidden_ratio * width)
        self.narrow = nn.Linear(spec.hidden_ratio * width, width)

    def attend(self, hidden: Tensor, packing: Packing) -> Tensor:
        """Apply multi-head self-attention within each sequence to packed steps (n_steps, width)."""
        probability = self.attention_dropout if self.training else 0.0
        mixed = []
        for bucket, steps in zip(packing.buckets, packing.split(self.project_in(hidden)), strict=True):
            query, key, value = bucket.to_heads(steps)
            mask = None if bucket.mask is None else bucket.mask[:, None, None, :]
            mixed.append(bucket.from_heads(attention(query, key, value, mask, probability)))
        attended: Tensor = self.project_out(mixed[0] if len(mixed) == 1 else torch.cat(mixed))
        return attended

    def transform(self, hidden: Tensor) -> Tensor:
        """Return ``W2 relu(W1 x)`` with dropout."""
        probability = self.dropout if self.training else 0.0
        wide, scale = dropout_relu(self.widen(hidden), probability)
        weight = self.narrow.weight if scale == 1 else self.narrow.weight * scale
        return dropout(functional.linear(wide, weight, self.narrow.bias), probability, in_place=True)

    def forward(self, hidden: Tensor, packing: Packing) -> Tensor:
        """Map packed steps (n_steps, width) to packed steps of the same shape."""
        hidden = hidden + self.norm_after_attention(self.attend(self.norm_before_attention(hidden), packing))
        output: Tensor = hidden + self.norm_after_mlp(self.transform(self.norm_before_mlp(hidden)))
        return output


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, probability: float) -> Tensor:
    """Return scaled dot-product attention, (n, n_heads, time, width).

    Parameters
    ----------
    query, key, value : tensor (n, n_heads, time, width)
    mask : bool tensor that broadcasts to (n, n_heads, time, time), or None
        True for steps that can be attended to.
    probability : float in [0, 1)
        Dropout rate of the attention weights.
    """
    if probability == 0 or query.device.type != "cpu":
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=probability)
    # PyTorch has no fast kernel for dropout on the CPU; one copy here avoids a copy in each matrix product
    query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None:
        scores += torch.zeros(mask.shape, dtype=scores.dtype).masked_fill_(~mask, float("-inf"))
    weights = scores.softmax(dim=-1)
    kept, scale = keep_mask(weights.shape, probability)
    mixed: Tensor = (weights * kept.to(weights.dtype)).to(value.dtype) @ (value * scale)
    return mixed


class TransformerEncoder(nn.Module):
    """Linear projection, `n_layers` Transformer blocks and mean pooling, computed on real tokens only.

    A token is a time step, or a patch of consecutive steps for long sequences (`EncoderSpec.max_steps`). The last patch
    is filled with zeros.

    Parameters
    ----------
    n_features : int
    n_steps : int
        Median length of the training sequences.
    spec : EncoderSpec
    """

    def __init__(self, n_features: int, n_steps: int, spec: EncoderSpec) -> None:
        super().__init__()
        self.patch = 1 if spec.max_steps is None else max(1, -(-n_steps // spec.max_steps))
        self.project = nn.Linear(self.patch * n_features, spec.width)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.n_layers))
        self.n_heads, self.positional_encoding = spec.n_heads, spec.positional_encoding

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode (n, time, n_features), or (n, n_features) as one step, to (n, width)."""
        values, lengths = as_sequences(values, lengths)
        if self.patch > 1:
            values, lengths = patches(values, self.patch), (lengths + self.patch - 1) // self.patch
        n, time, _ = values.shape
        packing = Packing.of(lengths, time, self.n_heads)
        hidden = self.project(packing.pack(values))
        if self.positional_encoding:
            positions = sinusoids(time, hidden.shape[1]).to(hidden)
            hidden = hidden + packing.pack(positions.expand(n, -1, -1))
        for block in self.blocks:
            hidden = block(hidden, packing)
        return packing.mean(hidden)


def patches(values: Tensor, length: int) -> Tensor:
    """Join `length` consecutive steps: (n, time, width) to (n, time / length rounded up, length * width)."""
    n, time, width = values.shape
    n_patches = (time + length - 1) // length
    padded = functional.pad(values, (0, 0, 0, length - 1))[:, : n_patches * length]
    return padded.reshape(n, n_patches, length * width)


def sinusoids(time: int, width: int) -> Tensor:
    """Return sinusoidal position encodings (time, width) as in Vaswani et al. (2017)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle = torch.arange(time)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]


def build(n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    return TransformerEncoder(n_features, n_steps, spec)
