"""One code per observed modality, all of the same width: what methods on codes start from."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from redcore.nn._batch import Batch
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width

__all__ = ["CodeEncoders"]


class CodeEncoders(nn.Module):
    """An encoder per modality, then a linear map to the common width where the encoder has another.

    Parameters
    ----------
    forms : sequence of (name, n_features, is_sequence)
    encoder : str
        Name of the encoder, or ``"auto"``.
    spec : EncoderSpec
        Its `width` is that of the codes.
    """

    def __init__(self, forms: Sequence[tuple[str, int, bool]], encoder: str, spec: EncoderSpec) -> None:
        super().__init__()
        self.width = spec.width
        self.encoders = nn.ModuleList(
            build_encoder(encoder, n_features, sequence, spec) for _, n_features, sequence in forms
        )
        widths = [
            encoder_width(one, n_features, sequence)
            for one, (_, n_features, sequence) in zip(self.encoders, forms, strict=True)
        ]
        self.project = nn.ModuleList(nn.Identity() if w == spec.width else nn.Linear(w, spec.width) for w in widths)

    def forward(self, batch: Batch) -> Tensor:
        """Return codes (n_samples, n_modalities, width), zeros where the modality is missing."""
        codes = []
        for encoder, project, part in zip(self.encoders, self.project, batch.modalities, strict=True):
            code = torch.zeros((batch.n_samples, self.width), device=batch.availability.device)
            if part.rows.shape[0]:
                present = project(encoder(part.values, part.lengths))
                code = code.to(present.dtype).index_copy(0, part.rows, present)
            codes.append(code)
        return torch.stack(codes, dim=1)
