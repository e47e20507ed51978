"""Modality encoders, one module each: ``build(n_features, n_steps, spec) -> Encoder``.

An encoder maps the observed samples of one modality to vectors (n, width): ``encoder(values, lengths)``. The values are

- vectors (n, n_features), with lengths None;
- sequences (n, time, n_features), zero-padded at the end, with lengths (n,);
- images (n, channels, height, width), with lengths None. Their shape is ``spec.shape``;
- token ids, int64 (n, time), with lengths (n,). The known ids are below ``spec.n_tokens``, which stands for all others.

An encoder with a method ``initialize(values, lengths)`` gets a sample of its training values before the first step.

The output must not depend on padding. `n_steps` is the median length of the training sequences, and 0 for vectors and
images. A module states the values that it reads in ``INPUTS``; without it, it reads vectors and sequences.

An encoder of another distribution is such a module, the function ``build`` itself, or a class that is called like it.
Functions and classes get those of the arguments ``n_features``, ``n_steps``, ``shape``, ``n_tokens``, ``width`` and
``spec`` that they accept, by name.
"""

import inspect
from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from redcore._discovery import load
from redcore.exceptions import EncoderError
from redcore.nn._form import ModalityForm
from redcore.nn._time_statistics import LONG_STEPS

__all__ = ["DEFAULTS", "EncoderSpec", "build_encoder", "built", "default_kind", "encoder_width", "readable_inputs"]

DEFAULTS = {"vectors": "mlp", "sequences": "transformer", "images": "cnn", "token ids": "tokens"}
"""Encoder that "auto" stands for, by kind of the values, except for long sequences."""

LONG_SEQUENCES = "windows"
"""Encoder that "auto" stands for if the median length of the training sequences is at least `LONG_STEPS`."""


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
    shape : tuple (channels, height, width) or None, default None
        Shape of images.
    n_tokens : int, default 0
        Number of known token ids; 0 for other modalities.
    """

    width: int
    n_layers: int
    n_heads: int
    hidden_ratio: int
    attention_dropout: float
    dropout: float
    positional_encoding: bool
    max_steps: int | None = None
    shape: tuple[int, ...] | None = None
    n_tokens: int = 0

    def inputs(self, n_steps: int) -> str:
        """Return the kind of the values: "vectors", "sequences", "images" or "token ids"."""
        if self.shape is not None:
            return "images"
        return "token ids" if self.n_tokens else "sequences" if n_steps else "vectors"


def build_encoder(kind: str, n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Build an encoder of the given kind; ``"auto"`` stands for the entry of `DEFAULTS`, or for `LONG_SEQUENCES`.

    A module of this package that reads sequences also reads token ids, through an embedding.

    Raises
    ------
    UnknownNameError, PlugInError
        If the encoder does not exist, or cannot be imported.
    EncoderError
        If it reads other values, needs other arguments, or is not a torch module.
    """
    inputs = spec.inputs(n_steps)
    if kind == "auto":
        kind = LONG_SEQUENCES if inputs == "sequences" and n_steps >= LONG_STEPS else DEFAULTS[inputs]
    plug_in, what = load(__name__, kind, "encoder"), f"encoder {kind!r}"
    readable = _readable(plug_in)
    if inputs == "token ids" and inputs not in readable and "sequences" in readable:
        tokens: nn.Module = load(__name__, DEFAULTS[inputs], "encoder").build(n_features, n_steps, spec, kind)
        return tokens
    if inputs not in readable:
        raise EncoderError(f"{what} reads {' and '.join(readable)}, got {inputs}")
    return built(plug_in.build if isinstance(plug_in, ModuleType) else plug_in, what, n_features, n_steps, spec)


def built(factory: Any, what: str, n_features: int, n_steps: int, spec: EncoderSpec) -> nn.Module:
    """Return a copy of a torch module, or the result of a class or function; `what` names it in errors.

    Raises
    ------
    EncoderError
        If the factory needs other arguments, or does not return a torch module.
    """
    if isinstance(factory, nn.Module):
        return deepcopy(factory)
    known = {
        "n_features": n_features, "n_steps": n_steps, "shape": spec.shape, "n_tokens": spec.n_tokens,
        "width": spec.width, "spec": spec,
    }  # fmt: skip
    encoder = factory(**{name: known[name] for name in _accepted(factory, what, list(known))})
    if not isinstance(encoder, nn.Module):
        raise EncoderError(f"{what}: expected a torch module, got {type(encoder).__name__}")
    return encoder


def _accepted(factory: Any, what: str, known: list[str]) -> list[str]:
    """Return the arguments of a class or function that are among `known`; it must not require others."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError) as error:
        raise EncoderError(f"{what}: expected a class or function with known arguments ({error})") from None
    for parameter in parameters:
        is_optional = parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        )
        if not is_optional and (parameter.kind is parameter.POSITIONAL_ONLY or parameter.name not in known):
            raise EncoderError(f"{what} needs the argument {parameter.name!r}; expected some of {', '.join(known)}")
    return [parameter.name for parameter in parameters if parameter.name in known]


def readable_inputs(kind: str) -> tuple[str, ...]:
    """Return the kinds of values that an encoder reads, by its name or dotted name."""
    return _readable(load(__name__, kind, "encoder"))


def _readable(plug_in: Any) -> tuple[str, ...]:
    """Return the kinds of values that an encoder reads."""
    default = ("vectors", "sequences") if isinstance(plug_in, ModuleType) else tuple(DEFAULTS)
    return tuple(getattr(plug_in, "INPUTS", default))


def default_kind(kind: str, inputs: str) -> str:
    """Return the encoder of a modality without a choice of its own, if `kind` is that of all modalities.

    This is `kind`, or "auto" if it does not read these values.
    """
    if kind == "auto":
        return kind
    readable = readable_inputs(kind)
    return kind if inputs in readable or (inputs == "token ids" and "sequences" in readable) else "auto"


def encoder_width(encoder: nn.Module, form: ModalityForm) -> int:
    """Return the output width of an encoder, determined by encoding two samples of zeros.

    Raises
    ------
    TypeError
        If the output is not a tensor of shape (n, width).
    """
    training = encoder.training
    with torch.no_grad():
        output = encoder.eval()(*form.zeros(n_samples=2))
    encoder.train(training)
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != 2:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(f"an encoder must return a tensor (n, width), expected (2, width), got {shape}")
    return int(output.shape[1])
