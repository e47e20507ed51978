"""Zero-fill network: missing modalities are zeros, one network on everything."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Sizes
from redcore.nn import Batch, Head, drop_modalities
from redcore.nn.encoders import EncoderSpec, build_encoder, encoder_width
from redcore.training import MethodSettings, ModalityForm, TorchMethod, TrainableNetwork, TrainingSettings

__all__ = ["METHOD", "ZeroFill", "ZeroFillNetwork", "ZeroFillSettings"]

SOURCE = "The common baseline of the field; no paper of its own"


class ZeroFillSettings(TrainingSettings):
    """Constants of the zero-fill network, beside those of `TrainingSettings`.

    Attributes
    ----------
    encoder : str, default "auto"
    encoder_layers : int in [1, 64], default 1
    encoder_heads : int in [1, 64], default 4
    encoder_dropout : float in [0, 1), default 0.3
    latent_dim : int in [1, 8192], default 64
        Width of each modality's code.
    head_layers : tuple of int, default ()
    head_dropout : float in [0, 1), default 0.3
    modality_dropout : float in [0, 1), default 0
        Probability of hiding an observed modality for one training step, at least one of a sample always staying;
        preset ``modality_dropout`` has 0.3.
    """

    encoder: str = "auto"
    encoder_layers: Annotated[int, Field(ge=1, le=64)] = 1
    encoder_heads: Annotated[int, Field(ge=1, le=64)] = 4
    encoder_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    latent_dim: Annotated[int, Field(ge=1, le=8192)] = 64
    head_layers: Sizes = ()
    head_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ZeroFillOutput(NamedTuple):
    """Logits and the concatenated codes."""

    logits: Tensor
    representation: Tensor


class ZeroFillNetwork(TrainableNetwork):
    """Encoders, zeros for what is missing, concatenation, one head.

    The zeros stand for the code of a missing modality, not for its input: only present samples are encoded.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: ZeroFillSettings) -> None:
        super().__init__()
        width = settings.latent_dim
        spec = EncoderSpec(
            width,
            settings.encoder_layers,
            settings.encoder_heads,
            2,
            settings.encoder_dropout,
            settings.encoder_dropout,
            positional_encoding=True,
        )
        self.encoders = nn.ModuleList(
            build_encoder(settings.encoder, n_features, is_sequence, spec) for _, n_features, is_sequence in forms
        )
        self.widths = [
            encoder_width(encoder, n_features, is_sequence)
            for encoder, (_, n_features, is_sequence) in zip(self.encoders, forms, strict=True)
        ]
        self.modality_dropout = settings.modality_dropout
        self.head = Head(sum(self.widths), n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> ZeroFillOutput:
        """Compute logits for a batch."""
        kept = drop_modalities(batch.availability, self.modality_dropout if self.training else 0.0)
        codes = []
        parts = zip(self.encoders, self.widths, batch.modalities, kept.unbind(1), strict=True)
        for encoder, width, part, keep in parts:
            code = torch.zeros((batch.n_samples, width), device=batch.availability.device)
            if len(part.rows):
                present = encoder(part.values, part.lengths)
                code = code.to(present.dtype).index_copy(0, part.rows, present)
            codes.append(code.masked_fill(~keep[:, None], 0.0))
        representation = torch.cat(codes, dim=1)
        return ZeroFillOutput(self.head(representation), representation)


class ZeroFill(TorchMethod):
    """The zero-fill network as a method."""

    Settings: ClassVar[type[MethodSettings]] = ZeroFillSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `TorchMethod.build_network`."""
        return ZeroFillNetwork(forms, n_outputs, cast(ZeroFillSettings, self.settings))


METHOD = ZeroFill
