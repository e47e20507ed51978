"""CRA: a cascade of residual autoencoders restores the codes of missing modalities."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from redcore._settings import Search, Sizes
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, CascadeAutoencoder, Head, Objective, drop_modalities, mean_where

__all__ = ["CRA", "METHOD", "CRANetwork", "CRASettings"]

SOURCE = (
    "Tran, Liu, Zhou, Jin (2017), Missing modalities imputation via cascaded residual autoencoder, CVPR; from the "
    "paper and from the baseline in the code of GCNet (zeroQiaoba/GCNet, baseline-mmin). Differences: the paper "
    "restores input features of fixed size and trains a classifier afterwards; here, codes are restored, so that "
    "vectors and sequences are treated alike, and all parts are trained jointly; restoration is supervised by observed "
    "modalities that modality dropout hides for one step"
)


class CRASettings(CodeSettings):
    """Hyperparameters of CRA in addition to those of `CodeSettings`.

    Attributes
    ----------
    autoencoder_layers : tuple of int, default (128, 64)
        Layer sizes of the encoder of a residual autoencoder; the last one is the bottleneck.
    n_autoencoders : int in [1, 16], default 3
    restoration_weight : float >= 0, default 1
        Weight of the mean squared error of restored codes of modalities hidden by modality dropout.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"restoration_weight": Search(0.1, 10.0, log=True)}

    autoencoder_layers: Sizes = (128, 64)
    n_autoencoders: Annotated[int, Field(ge=1, le=16)] = 3
    restoration_weight: Annotated[float, Field(ge=0)] = 1.0


class CRAOutput(NamedTuple):
    """Output of `CRANetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        Observed codes and restored codes of missing modalities.
    codes, restored : tensor (B, M, d)
        Encoded and restored codes.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    restored: Tensor
    kept: Tensor


class CRANetwork(TrainableNetwork):
    """Network of CRA: encoders, cascade over the zero-filled codes, and a head on the completed codes."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: CRASettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        self.restore = CascadeAutoencoder(width, settings.autoencoder_layers, settings.n_autoencoders, transition=True)
        self.head = Head(width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> CRAOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        restored = self.restore(codes.masked_fill(~kept[..., None], 0.0).flatten(1))[0].view_as(codes)
        representation = torch.where(kept[..., None], codes, restored).flatten(1)
        return CRAOutput(self.head(representation), representation, codes, restored, kept)

    def losses(self, output: CRAOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w |restored - code|^2``, the latter for hidden modalities, and its terms."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        # detached, so that the encoders are not trained towards codes that are easy to restore
        distance = (output.restored - output.codes.detach()).square().mean(dim=2)
        restoration = mean_where(distance, batch.availability & ~output.kept)
        loss = prediction + self.settings.restoration_weight * restoration
        return {"loss": loss, "loss/prediction": prediction, "loss/restoration": restoration}


class CRA(NetworkMethod):
    """CRA (Tran et al., 2017)."""

    Settings: ClassVar[type[MethodSettings]] = CRASettings
    Network: ClassVar[type[TrainableNetwork]] = CRANetwork


METHOD = CRA
