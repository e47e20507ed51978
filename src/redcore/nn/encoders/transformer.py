"""Transformer with padding mask and length-aware mean pooling (the reference architecture)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.nn._pooling import masked_mean, step_mask
from redcore.nn._tracing import is_traced
from redcore.nn.encoders import EncoderSpec

__all__ = ["TransformerEncoder", "build"]


class Block(nn.Module):
    """``x = x + LN(MHA(LN(x)))``, then ``x = x + LN(W2 relu(W1 LN(x)))``: norms before and after each part."""

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        width = spec.width
        self.n_heads = spec.n_heads
        self.attention_dropout = spec.attention_dropout
        self.norm_before_attention, self.norm_after_attention = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_before_mlp, self.norm_after_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project_in, self.project_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.xavier_uniform_(self.project_in.weight)
        nn.init.zeros_(self.project_in.bias)
        nn.init.zeros_(self.project_out.bias)
        self.mlp = nn.Sequential(
            nn.Linear(width, spec.hidden_ratio * width),
            nn.ReLU(),
            nn.Dropout(spec.dropout),
            nn.Linear(spec.hidden_ratio * width, width),
            nn.Dropout(spec.dropout),
        )

    def attend(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Multi-head self-attention over (n, time, width); `mask` (n, 1, 1, time) is True on real steps."""
        n, time, width = hidden.shape
        projected = self.project_in(hidden).view(n, time, 3, self.n_heads, width // self.n_heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        dropout = self.attention_dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        attended: Tensor = self.project_out(mixed.transpose(1, 2).reshape(n, time, width))
        return attended

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Map (n, time, width) to (n, time, width)."""
        hidden = hidden + self.norm_after_attention(self.attend(self.norm_before_attention(hidden), mask))
        output: Tensor = hidden + self.norm_after_mlp(self.mlp(self.norm_before_mlp(hidden)))
        return output


class TransformerEncoder(nn.Module):
    """Linear projection, `n_layers` blocks, mean over the real time steps.

    Parameters
    ----------
    n_features : int
    spec : EncoderSpec
    """

    def __init__(self, n_features: int, spec: EncoderSpec) -> None:
        super().__init__()
        self.project = nn.Linear(n_features, spec.width)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.n_layers))
        self.positional_encoding = spec.positional_encoding

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode (n, time, n_features), or (n, n_features) as one step, to (n, width)."""
        if lengths is None:
            values, lengths = values[:, None], torch.ones(values.shape[0], dtype=torch.long, device=values.device)
        hidden = self.project(values)
        if self.positional_encoding:
            hidden = hidden + sinusoids(hidden.shape[1], hidden.shape[2]).to(hidden)
        mask = step_mask(lengths, values.shape[1])
        unneeded = not is_traced() and bool(mask.all())
        attention_mask = None if unneeded else mask[:, None, None, :]
        for block in self.blocks:
            hidden = block(hidden, attention_mask)
        return masked_mean(hidden, lengths)


def sinusoids(time: int, width: int) -> Tensor:
    """Return sinusoidal positions (time, width) as in Vaswani et al. (2017)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle = torch.arange(time)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]


def build(n_features: int, is_sequence: bool, spec: EncoderSpec) -> nn.Module:
    """Build the encoder for one modality."""
    return TransformerEncoder(n_features, spec)
