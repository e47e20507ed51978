"""Zero-fill network: missing modalities are zeros, one network on everything."""

from typing import Annotated, ClassVar, NamedTuple, cast

from pydantic import Field
from torch import Tensor

from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, drop_modalities

__all__ = ["METHOD", "ZeroFill", "ZeroFillNetwork", "ZeroFillSettings"]

SOURCE = "The common baseline of the field; no paper of its own"


class ZeroFillSettings(CodeSettings):
    """Constants of the zero-fill network: those of `CodeSettings`, with another default.

    Attributes
    ----------
    modality_dropout : float in [0, 1), default 0
        Preset ``modality_dropout`` has 0.3.
    """

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
        self.modality_dropout = settings.modality_dropout
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        self.head = Head(width, n_outputs, settings.head_layers, settings.head_dropout)

    @property
    def several_processes(self) -> bool:
        """Processes can share a fit."""
        return True

    def forward(self, batch: Batch) -> ZeroFillOutput:
        """Compute logits for a batch."""
        kept = drop_modalities(batch.availability, self.modality_dropout if self.training else 0.0)
        representation = self.encoders(batch).masked_fill(~kept[..., None], 0.0).flatten(1)
        return ZeroFillOutput(self.head(representation), representation)


class ZeroFill(NetworkMethod):
    """The zero-fill network as a method."""

    Settings: ClassVar[type[MethodSettings]] = ZeroFillSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return ZeroFillNetwork(forms, n_outputs, cast(ZeroFillSettings, self.settings))


METHOD = ZeroFill
