"""Contract of the encoders."""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redcore._discovery import dotted_name
from redcore.methods import make_method
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width
from redcore.testing._contract import Contract, require, require_equal
from redcore.testing._data import make_data, small_settings

__all__ = ["ENCODERS", "EncoderSubject", "check_encoder"]

ENCODERS = Contract("encoder")
FORMS = (False, True)
LENGTHS = (1, 5, 2, 3)
SPEC = EncoderSpec(
    width=8, n_layers=2, n_heads=2, hidden_ratio=2, attention_dropout=0.1, dropout=0.1, positional_encoding=True
)


@dataclass(frozen=True)
class EncoderSubject:
    """Encoder, given by its name, dotted name, class or function."""

    encoder: Any

    def __str__(self) -> str:
        return repr(dotted_name(self.encoder))

    def build(self, sequences: bool) -> nn.Module:
        """Return a new encoder of three features."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_encoder(dotted_name(self.encoder), 3, 5 if sequences else 0, SPEC)


def _inputs(sequences: bool) -> tuple[Tensor, Tensor | None]:
    """Return values of four samples, zero-padded at the end, and the lengths of sequences."""
    values = torch.tensor(np.random.default_rng(0).normal(size=(4, 5, 3)), dtype=torch.float32)
    if not sequences:
        return values[:, 0], None
    lengths = torch.tensor(LENGTHS)
    return values * (torch.arange(5) < lengths[:, None])[..., None], lengths


def check_encoder(encoder: Any, skip: Collection[str] = ()) -> None:
    """Check the contract of an encoder.

    Parameters
    ----------
    encoder : str, class or function
        See `redcore.nn.encoders`.
    skip : collection of str
        Names of clauses to leave out, or their first words, such as ``"output_shape[sequences=True]"``.

    Raises
    ------
    ContractError
        If the encoder violates a clause. The message names the first one.

    Examples
    --------
    >>> check_encoder("mlp")
    """
    ENCODERS.check(EncoderSubject(encoder), skip)


@ENCODERS.clause(sequences=FORMS)
def output_shape(subject: EncoderSubject, sequences: bool) -> None:
    """The output is a finite tensor (n, width), and all parameters get a finite gradient."""
    encoder = subject.build(sequences)
    require(encoder.training, "expected a module in training mode")
    width = encoder_width(encoder, 3, 5 if sequences else 0)
    output = encoder(*_inputs(sequences))
    require(output.shape == (4, width), f"expected the shape {(4, width)}, got {tuple(output.shape)}")
    require(bool(torch.isfinite(output).all()), "the output is not finite")
    output.sum().backward()
    for name, parameter in encoder.named_parameters():
        gradient = parameter.grad
        require(gradient is not None and bool(torch.isfinite(gradient).all()), f"gradient of {name!r} is {gradient}")


@ENCODERS.clause(sequences=FORMS)
def samples_are_independent(subject: EncoderSubject, sequences: bool) -> None:
    """The output of a sample does not depend on the other samples of the batch, nor on the padding."""
    encoder = subject.build(sequences).eval()
    values, lengths = _inputs(sequences)
    with torch.no_grad():
        together = encoder(values, lengths)
        for row, length in enumerate(LENGTHS):
            if lengths is None:
                alone = encoder(values[row : row + 1], None)
            else:
                alone = encoder(values[row : row + 1, :length], lengths[row : row + 1])
            torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)


@ENCODERS.clause(sequences=FORMS)
def state_is_in_parameters_and_buffers(subject: EncoderSubject, sequences: bool) -> None:
    """A copy with the same state dict has the same output in evaluation mode, and so has a deep copy."""
    encoder, other = subject.build(sequences).eval(), subject.build(sequences).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1)
        other.load_state_dict(encoder.state_dict())
        expected = encoder(*_inputs(sequences))
        for copy in (other, deepcopy(encoder)):
            torch.testing.assert_close(copy(*_inputs(sequences)), expected, rtol=0, atol=0)


@ENCODERS.clause(sequences=FORMS)
def fit_is_finite_and_reproducible(subject: EncoderSubject, sequences: bool) -> None:
    """RedCore with this encoder gives finite predictions, which are equal for equal seeds."""
    data, settings = make_data(sequences=sequences), small_settings("redcore", encoder=subject.encoder)
    outputs = [make_method("redcore", settings=settings).fit(data).predict(data) for _ in range(2)]
    require(bool(np.isfinite(outputs[0]).all()), "predictions are not finite")
    require_equal(*outputs)
