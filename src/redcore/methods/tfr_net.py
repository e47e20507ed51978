"""TFR-Net: cross-modal attention between modality tokens, and reconstruction of hidden modalities."""

from typing import Annotated, ClassVar, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities, mean_where

__all__ = ["METHOD", "TFRNet", "TFRNetNetwork", "TFRNetSettings"]

SOURCE = (
    "Yuan et al. (2021), Transformer-based feature reconstruction network for robust multimodal sentiment analysis, "
    "ACM MM; from the paper. Differences: the paper hides time steps, attends over them and reconstructs input "
    "features. Here, modalities are hidden and have one token each, a feed-forward network replaces attention within a "
    "modality, and codes are reconstructed, so that vectors and sequences are treated alike. The modalities "
    "share attention weights and have an embedding each. Codes are concatenated and not fused by gated convolutions"
)


class TFRNetSettings(CodeSettings):
    """Hyperparameters of TFR-Net in addition to those of `CodeSettings`.

    Attributes
    ----------
    attention_layers : int in [1, 64], default 2
    attention_heads : int in [1, 64], default 4
        Number of heads of the attention between modalities; must divide `latent_dim`.
    attention_dropout : float in [0, 1), default 0.1
    reconstruction_weight : float >= 0, default 1
        Weight of the smooth L1 loss of reconstructed codes of modalities hidden by modality dropout.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"reconstruction_weight": Search(0.1, 10.0, log=True)}

    attention_layers: Annotated[int, Field(ge=1, le=64)] = 2
    attention_heads: Annotated[int, Field(ge=1, le=64)] = 4
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    reconstruction_weight: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        width, heads = self.latent_dim, self.attention_heads
        if width % heads:
            raise ValueError(f"latent_dim {width} is not a multiple of attention_heads {heads}")
        return self


class CrossModalBlock(nn.Module):
    """Attention of each token to the tokens of the other observed modalities, and a feed-forward network.

    Parameters
    ----------
    settings : TFRNetSettings
    """

    def __init__(self, settings: TFRNetSettings) -> None:
        super().__init__()
        width = settings.latent_dim
        self.n_heads, self.dropout = settings.attention_heads, settings.attention_dropout
        self.norm, self.norm_within = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project_in, self.project_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.within = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(settings.attention_dropout), nn.Linear(2 * width, width)
        )

    def attend(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """Return the result of cross-modal attention, (B, M, d).

        Parameters
        ----------
        tokens : tensor (B, M, d)
        kept : bool tensor (B, M)
            Availability mask; tokens with False are not attended to.
        """
        n, count, width = tokens.shape
        projected = self.project_in(tokens).view(n, count, 3, self.n_heads, width // self.n_heads)
        # an additional key and value of zeros, for tokens without other observed tokens
        query, key, value = functional.pad(projected, (0, 0, 0, 0, 0, 0, 0, 1)).permute(2, 0, 3, 1, 4)
        others = torch.eye(count, device=kept.device) == 0
        readable = functional.pad(kept[:, None, :] & others, (0, 1), value=True)[:, None]
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query[:, :, :-1], key, value, readable, dropout)
        attended: Tensor = self.project_out(mixed.transpose(1, 2).reshape(n, count, width))
        return attended

    def forward(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """Map tokens (B, M, d) to tokens of the same shape."""
        tokens = tokens + self.attend(self.norm(tokens), kept)
        output: Tensor = tokens + self.within(self.norm_within(tokens))
        return output


class TFRNetOutput(NamedTuple):
    """Output of `TFRNetNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        Concatenated tokens.
    codes, reconstructed : tensor (B, M, d)
        Encoded and reconstructed codes.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    reconstructed: Tensor
    kept: Tensor


class TFRNetNetwork(TrainableNetwork):
    """Network of TFR-Net: encoders, attention between modalities, reconstruction layers and a head on all tokens.

    The initial token of a missing modality is the embedding of the modality. Attention then fills it with information
    from the observed modalities.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: TFRNetSettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.place = nn.Parameter(torch.randn(n_modalities, width) * 0.1)
        self.blocks = nn.ModuleList(CrossModalBlock(settings) for _ in range(settings.attention_layers))
        self.norm = nn.LayerNorm(width)
        self.reconstruct = nn.ModuleList(nn.Linear(width, width) for _ in forms)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> TFRNetOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        tokens = codes.masked_fill(~kept[..., None], 0.0) + self.place
        for block in self.blocks:
            tokens = block(tokens, kept)
        tokens = self.norm(tokens)
        parts = zip(self.reconstruct, tokens.unbind(1), strict=True)
        reconstructed = torch.stack([layer(token) for layer, token in parts], dim=1)
        representation = tokens.flatten(1)
        return TFRNetOutput(self.head(representation), representation, codes, reconstructed, kept)

    def losses(self, output: TFRNetOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w smooth_l1(reconstructed, code)``, the latter for hidden modalities."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        # detached, so that the encoders are not trained towards codes that are easy to reconstruct
        distance = functional.smooth_l1_loss(output.reconstructed, output.codes.detach(), reduction="none").mean(dim=2)
        reconstruction = mean_where(distance, batch.availability & ~output.kept)
        loss = prediction + self.settings.reconstruction_weight * reconstruction
        return {"loss": loss, "loss/prediction": prediction, "loss/reconstruction": reconstruction}


class TFRNet(NetworkMethod):
    """TFR-Net (Yuan et al., 2021)."""

    Settings: ClassVar[type[MethodSettings]] = TFRNetSettings
    Network: ClassVar[type[TrainableNetwork]] = TFRNetNetwork


METHOD = TFRNet
