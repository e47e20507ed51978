"""Encoders of all modalities with latent codes of the same width."""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from redcore.nn._batch import Batch
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width

__all__ = ["CodeEncoders"]


class CodeEncoders(nn.Module):
    """One encoder per modality, followed by a linear map if the output width of the encoder differs from `width`.

    Parameters
    ----------
    forms : sequence of (name, n_features, n_steps)
    encoder : str
        Name of the encoder, or ``"auto"``.
    spec : EncoderSpec
        Size of the encoders; its `width` is the width of the codes.
    own : mapping of str to nn.Module, optional
        User-defined encoders by modality, which replace the default ones. They are copied.
    """

    def __init__(
        self,
        forms: Sequence[tuple[str, int, int]],
        encoder: str,
        spec: EncoderSpec,
        own: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        own = own or {}
        self.width, self.forms = spec.width, list(forms)
        self.encoders = nn.ModuleList(
            deepcopy(own[name]) if name in own else build_encoder(encoder, n_features, n_steps, spec)
            for name, n_features, n_steps in forms
        )
        widths = [
            encoder_width(one, n_features, n_steps)
            for one, (_, n_features, n_steps) in zip(self.encoders, forms, strict=True)
        ]
        self.project = nn.ModuleList(nn.Identity() if w == spec.width else nn.Linear(w, spec.width) for w in widths)

    def forward(self, batch: Batch) -> Tensor:
        """Return latent codes (n_samples, n_modalities, width), with zeros for missing modalities."""
        codes = []
        for encoder, project, inputs in zip(self.encoders, self.project, batch.modalities, strict=True):
            code = torch.zeros((batch.n_samples, self.width), device=batch.availability.device)
            if inputs.rows.shape[0]:
                observed = project(encoder(inputs.values, inputs.lengths))
                code = code.to(observed.dtype).index_copy(0, inputs.rows, observed)
            codes.append(code)
        return torch.stack(codes, dim=1)

    def encode_zeros(self) -> Tensor:
        """Return the codes of all-zero inputs (sequences of length 1), (1, n_modalities, width)."""
        device = next(self.parameters()).device
        length, codes = torch.ones(1, dtype=torch.long, device=device), []
        for encoder, project, (_, n_features, n_steps) in zip(self.encoders, self.project, self.forms, strict=True):
            zeros = torch.zeros((1, 1, n_features) if n_steps else (1, n_features), device=device)
            codes.append(project(encoder(zeros, length if n_steps else None)))
        return torch.stack(codes, dim=1)
