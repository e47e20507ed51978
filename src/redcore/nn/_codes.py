"""Encoders of all modalities with latent codes of the same width."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from redcore.nn._batch import Batch
from redcore.nn._form import ModalityForm

__all__ = ["CodeEncoders", "ModalityEncoder"]


class ModalityEncoder(NamedTuple):
    """Encoder of one modality, and the way it is trained.

    Attributes
    ----------
    form : ModalityForm
    module : nn.Module
    width : int
        Width of the output of the module.
    frozen : bool, default False
        If True, the encoder keeps its weights and stays in evaluation mode.
    learning_rate : float or None, default None
        Learning rate of the encoder; None for that of the network.
    """

    form: ModalityForm
    module: nn.Module
    width: int
    frozen: bool = False
    learning_rate: float | None = None


class CodeEncoders(nn.Module):
    """One encoder per modality, followed by a linear map if the output width of the encoder differs from `width`.

    Parameters
    ----------
    encoders : sequence of ModalityEncoder
        Sorted by name of the modality.
    width : int
        Width of the codes.
    """

    def __init__(self, encoders: Sequence[ModalityEncoder], width: int) -> None:
        super().__init__()
        self.width, self.forms = width, [encoder.form for encoder in encoders]
        self.encoders = nn.ModuleList(encoder.module for encoder in encoders)
        self.project = nn.ModuleList(
            nn.Identity() if encoder.width == width else nn.Linear(encoder.width, width) for encoder in encoders
        )
        self.learning_rates = [encoder.learning_rate for encoder in encoders]
        self.frozen = [encoder.frozen for encoder in encoders]
        self._norms = [[part for part in own.modules() if isinstance(part, _BatchNorm)] for own in self.encoders]
        for encoder in encoders:
            if encoder.frozen:
                encoder.module.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; frozen encoders stay in evaluation mode."""
        super().train(mode)
        for module, frozen in zip(self.encoders, self.frozen, strict=True):
            if frozen:
                module.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return latent codes (n_samples, n_modalities, width), with zeros for missing modalities."""
        codes = []
        for index, inputs in enumerate(batch.modalities):
            n_observed = inputs.rows.shape[0]
            code = self._encoded(index, inputs.values, inputs.lengths) if n_observed else None
            if code is None or n_observed != batch.n_samples:
                zeros = torch.zeros((batch.n_samples, self.width), device=batch.availability.device)
                code = zeros if code is None else zeros.to(code.dtype).index_copy(0, inputs.rows, code)
            codes.append(code)
        return torch.stack(codes, dim=1)

    def encode_zeros(self) -> Tensor:
        """Return the codes of all-zero inputs (sequences of length 1), (1, n_modalities, width)."""
        device = next(self.parameters(), torch.empty(0)).device
        return torch.stack([self._encoded(index, *form.zeros(device)) for index, form in enumerate(self.forms)], dim=1)

    def _encoded(self, index: int, values: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the codes of the observed samples of one modality, (n_observed, width)."""
        encoder, project = self.encoders[index], self.project[index]
        # a single sample has no batch statistics, so that batch normalisation uses the running ones
        norms = [part for part in self._norms[index] if part.training]
        if norms and values.shape[0] == 1:
            with _evaluated(norms):
                code: Tensor = project(encoder(values, lengths))
        else:
            code = project(encoder(values, lengths))
        return code


@contextmanager
def _evaluated(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Set modules to evaluation mode inside the block, and to training mode after it."""
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module in modules:
            module.train()
