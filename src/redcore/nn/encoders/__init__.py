"""Modality encoders, one module each: ``build(n_features, n_steps, spec) -> Encoder``.

An encoder maps the observed samples of one modality to vectors (n, width): ``encoder(values, lengths)`` with values
(n, n_features) and lengths None, or with values (n, time, n_features), zero-padded at the end, and lengths (n,). The
output must not depend on padding. `n_steps` is the median length of the training sequences, and 0 for vectors.

An encoder of another distribution is such a module, or the function ``build`` itself; a class is called like it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from redcore._discovery import load
from redcore.exceptions import PlugInError

__all__ = ["EncoderSpec", "build_encoder", "encoder_width"]


@dataclass(frozen=True)
class EncoderSpec:
    """Sizes and dropout rates of an encoder.

    Attributes
    ----------
    width : int
        Size of hidden states and of the output.
    n_layers : int
    n_heads : int
        Number of attention heads; must divide `width`.
    hidden_ratio : int
        Hidden size of the feed-forward network of a Transformer block, as a multiple of `width`.
    attention_dropout, dropout : float
        In [0, 1).
    positional_encoding : bool
        If True, a Transformer adds sinusoidal position encodings.
    max_steps : int or None, default None
        Number of tokens of a sequence of median length above which a Transformer reads patches of steps.
    """

    width: int
    n_layers: int
    n_heads: int
    hidden_ratio: int
    attention_dropout: float
    dropout: float
    positional_encoding: bool
    max_steps: int | None = None


def build_encoder(kind: str, n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build an encoder of the given kind; ``"auto"`` stands for an MLP for vectors and a Transformer for sequences."""
    if kind == "auto":
        kind = "transformer" if n_steps else "mlp"
    plug_in = load(__name__, kind, "encoder")
    encoder = getattr(plug_in, "build", plug_in)(n_features, n_steps, spec)
    if not isinstance(encoder, nn.Module):
        raise PlugInError(f"encoder {kind!r}: expected a torch module, got {type(encoder).__name__}")
    return encoder


def encoder_width(encoder: nn.Module, n_features: int, n_steps: int) -> int:
    """Return the output width of an encoder, determined by encoding one sample of zeros.

    Raises
    ------
    TypeError
        If the output is not a tensor of shape (n, width).
    """
    values = torch.zeros((1, 1, n_features) if n_steps else (1, n_features))
    training = encoder.training
    with torch.no_grad():
        output = encoder.eval()(values, torch.ones(1, dtype=torch.long) if n_steps else None)
    encoder.train(training)
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != 1:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(f"an encoder must return a tensor (n, width), got {shape}")
    return int(output.shape[1])
