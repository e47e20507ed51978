"""Contract of the encoders."""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redcore._discovery import dotted_name
from redcore.data import MultimodalData
from redcore.methods import make_method
from redcore.nn import ModalityForm
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width, readable_inputs
from redcore.testing._contract import Contract, require, require_equal
from redcore.testing._data import make_data, small_settings

__all__ = ["ENCODERS", "EncoderSubject", "check_encoder"]

ENCODERS = Contract("encoder")
FORMS = (False, True)
"""Values of one step, and of several steps."""
INPUTS = {
    "vectors": ModalityForm("audio", 3, 0),
    "images": ModalityForm("audio", 2 * 9 * 7, 0, (2, 9, 7)),
    "sequences": ModalityForm("audio", 3, 5),
    "token ids": ModalityForm("audio", 1, 5, None, 6),
}
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

    def form(self, sequences: bool) -> ModalityForm | None:
        """Return the form of the values that the encoder reads: of several steps if `sequences` is True.

        These are sequences or token ids, otherwise vectors or images. None if it reads neither.
        """
        readable = readable_inputs(dotted_name(self.encoder))
        return next(
            (form for kind, form in INPUTS.items() if kind in readable and bool(form.n_steps) == sequences), None
        )

    def build(self, form: ModalityForm) -> nn.Module:
        """Return a new encoder of values of this form."""
        spec = replace(SPEC, shape=form.shape, n_tokens=form.n_tokens)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_encoder(dotted_name(self.encoder), form.n_features, form.n_steps, spec)


def _inputs(form: ModalityForm) -> tuple[Tensor, Tensor | None]:
    """Return values of four samples, zero-padded at the end, and the lengths of sequences."""
    rng = np.random.default_rng(0)
    lengths = torch.tensor(LENGTHS) if form.n_steps else None
    if form.n_tokens:
        return torch.tensor(rng.integers(0, form.n_tokens + 1, size=(4, 5))), lengths
    size = form.shape or ((5, form.n_features) if form.n_steps else (form.n_features,))
    values = torch.tensor(rng.normal(size=(4, *size)), dtype=torch.float32)
    return (values if lengths is None else values * (torch.arange(5) < lengths[:, None])[..., None]), lengths


def _data(form: ModalityForm) -> MultimodalData:
    """Return a data set in which modality ``audio`` has values of this form."""
    data = make_data(sequences=form.n_steps > 0)
    if form.shape is None and not form.n_tokens:
        return data
    rng, n = np.random.default_rng(0), data.n_samples
    values = rng.normal(size=(n, *form.shape)) if form.shape else rng.integers(1, form.n_tokens, size=(n, 5))
    raw = MultimodalData.from_arrays({"audio": values}, tokens={"audio": 0} if form.n_tokens else None)
    return replace(data, modalities={**data.modalities, **raw.modalities})


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
    form = subject.form(sequences)
    if form is None:
        return
    encoder = subject.build(form)
    require(encoder.training, "expected a module in training mode")
    width = encoder_width(encoder, form)
    output = encoder(*_inputs(form))
    require(output.shape == (4, width), f"expected the shape {(4, width)}, got {tuple(output.shape)}")
    require(bool(torch.isfinite(output).all()), "the output is not finite")
    output.sum().backward()
    for name, parameter in encoder.named_parameters():
        gradient = parameter.grad
        require(gradient is not None and bool(torch.isfinite(gradient).all()), f"gradient of {name!r} is {gradient}")


@ENCODERS.clause(sequences=FORMS)
def samples_are_independent(subject: EncoderSubject, sequences: bool) -> None:
    """The output of a sample does not depend on the other samples of the batch, nor on the padding."""
    form = subject.form(sequences)
    if form is None:
        return
    encoder = subject.build(form).eval()
    values, lengths = _inputs(form)
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
    form = subject.form(sequences)
    if form is None:
        return
    encoder, other = subject.build(form).eval(), subject.build(form).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1)
        other.load_state_dict(encoder.state_dict())
        expected = encoder(*_inputs(form))
        for copy in (other, deepcopy(encoder)):
            torch.testing.assert_close(copy(*_inputs(form)), expected, rtol=0, atol=0)


@ENCODERS.clause(sequences=FORMS)
def fit_is_finite_and_reproducible(subject: EncoderSubject, sequences: bool) -> None:
    """RedCore with this encoder gives finite predictions, which are equal for equal seeds."""
    form = subject.form(sequences)
    if form is None:
        return
    data, settings = _data(form), small_settings("redcore", encoder=subject.encoder)
    outputs = [make_method("redcore", settings=settings).fit(data).predict(data) for _ in range(2)]
    require(bool(np.isfinite(outputs[0]).all()), "predictions are not finite")
    require_equal(*outputs)
