"""Late-fusion Transformer: one token per observed modality, self-attention over the tokens, and one head."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, drop_modalities

__all__ = ["METHOD", "LateFusionTransformer", "LateFusionTransformerNetwork", "LateFusionTransformerSettings"]

SOURCE = (
    "SimBaMM with one token per modality (Rheude et al., 2025, Fusion or confusion? Multimodal complexity is not all "
    "you need, arXiv 2512.22991); from summaries of the paper, because its full text and code were not available. They "
    "describe the encoders, linear maps to a common width, and a Transformer over the projected codes. The following "
    "are choices of this implementation: the class token, the modality embeddings, two pre-norm blocks, the attention "
    "masks of missing modalities, and modality dropout. Differences: the paper also has a variant with several tokens "
    "per modality; here, each encoder returns one code, also for sequences"
)


class LateFusionTransformerSettings(FusionSettings):
    """Hyperparameters of the late-fusion Transformer in addition to those of `FusionSettings`.

    The Transformer over the modalities also uses `encoder_heads`, `encoder_hidden_ratio` and `encoder_dropout`.

    Attributes
    ----------
    fusion_layers : int in [1, 64], default 2
        Number of Transformer blocks over the tokens of the modalities.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"fusion_layers": Search(choices=(1, 2, 4))}

    fusion_layers: Annotated[int, Field(ge=1, le=64)] = 2


class LateFusionTransformerOutput(NamedTuple):
    """Logits (B, n_outputs) and the class token (B, d)."""

    logits: Tensor
    representation: Tensor


class LateFusionTransformerNetwork(TrainableNetwork):
    """Encoders, a Transformer over the codes of the observed modalities, and a head on its class token."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: LateFusionTransformerSettings) -> None:
        super().__init__()
        self.several_processes = True
        self.modality_dropout = settings.modality_dropout
        self.encoders = settings.build_encoders(forms)
        self.fuse = settings.build_token_transformer(len(forms), settings.fusion_layers)
        self.head = Head(settings.latent_dim, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> LateFusionTransformerOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.modality_dropout if self.training else 0.0)
        representation = self.fuse(self.encoders(batch), kept)
        return LateFusionTransformerOutput(self.head(representation), representation)


class LateFusionTransformer(NetworkMethod):
    """Late-fusion Transformer."""

    Settings: ClassVar[type[MethodSettings]] = LateFusionTransformerSettings
    Network: ClassVar[type[TrainableNetwork]] = LateFusionTransformerNetwork


METHOD = LateFusionTransformer
