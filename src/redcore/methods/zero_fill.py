"""Zero-fill network: concatenated codes with zeros for missing modalities, and one head."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple, cast

from pydantic import Field
from torch import Generator, Tensor, nn

from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import (
    Batch,
    Head,
    MergedEncoders,
    Objective,
    StackedHead,
    can_merge_encoders,
    drop_merged,
    drop_modalities,
    merged_losses,
)

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
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        self.head = Head(width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> ZeroFillOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        representation = self.encoders(batch).masked_fill(~kept[..., None], 0.0).flatten(1)
        return ZeroFillOutput(self.head(representation), representation)

    @property
    def can_be_merged(self) -> bool:
        """True for MLP encoders and a linear head."""
        known = self.settings.has_default_encoders and not self.settings.head_layers
        return type(self) is ZeroFillNetwork and known and can_merge_encoders(self.encoders)

    @classmethod
    def merge(cls, networks: Sequence[Any], generators: Sequence[Generator]) -> TrainableNetwork:
        """See `TrainableNetwork.merge`."""
        return MergedZeroFill(networks, generators)


class MergedZeroFill(TrainableNetwork):
    """K zero-fill networks with one linear layer as a head, computed at once; see `TrainableNetwork.merge`."""

    def __init__(self, networks: Sequence[ZeroFillNetwork], generators: Sequence[Generator]) -> None:
        super().__init__()
        first, self.generators = networks[0], generators
        self.settings, linear = first.settings, cast(nn.Linear, first.head.output)
        self.encoders = MergedEncoders(first.encoders, generators)
        self.head = StackedHead(len(networks), linear.in_features, linear.out_features, (), 0.0)

    def forward(self, batch: Any) -> ZeroFillOutput:
        """Return logits (B, K, n_outputs) and codes (B, K, M * d) of a `MergedBatch`."""
        kept = drop_merged(batch, self.settings.modality_dropout, self.generators)
        codes = self.encoders(batch).masked_fill(~kept[..., None], 0.0)
        representation = codes.reshape(len(codes), len(batch.sizes), -1)
        return ZeroFillOutput(self.head(representation), representation)

    def losses(self, output: ZeroFillOutput, batch: Any, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return the loss of each network, (K,)."""
        return {"loss": merged_losses(output.logits[:, :, None], batch, objective)[:, 0]}


class ZeroFill(NetworkMethod):
    """Zero-fill network."""

    Settings: ClassVar[type[MethodSettings]] = ZeroFillSettings
    Network: ClassVar[type[TrainableNetwork]] = ZeroFillNetwork


METHOD = ZeroFill
