"""Zero-fill network: concatenated codes with zeros for missing modalities, and one head."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor

from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, drop_modalities

__all__ = ["METHOD", "ZeroFill", "ZeroFillNetwork", "ZeroFillSettings"]

SOURCE = "Common baseline; no specific paper"


class ZeroFillSettings(CodeSettings):
    """Hyperparameters of the zero-fill network: those of `CodeSettings`, with a different default.

    Attributes
    ----------
    modality_dropout : float in [0, 1), default 0
        Rate of modality dropout. The preset ``modality_dropout`` sets it to 0.3.
    """

    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class ZeroFillOutput(NamedTuple):
    """Logits (B, n_outputs) and concatenated codes (B, M * d)."""

    logits: Tensor
    representation: Tensor


class ZeroFillNetwork(TrainableNetwork):
    """Encoders, concatenation of the codes, and a head.

    Zeros replace the code of a missing modality and not its input: only observed samples are encoded.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: ZeroFillSettings) -> None:
        super().__init__()
        self.several_processes = True
        self.modality_dropout = settings.modality_dropout
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        self.head = Head(width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> ZeroFillOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.modality_dropout if self.training else 0.0)
        representation = self.encoders(batch).masked_fill(~kept[..., None], 0.0).flatten(1)
        return ZeroFillOutput(self.head(representation), representation)


class ZeroFill(NetworkMethod):
    """Zero-fill network."""

    Settings: ClassVar[type[MethodSettings]] = ZeroFillSettings
    Network: ClassVar[type[TrainableNetwork]] = ZeroFillNetwork


METHOD = ZeroFill
