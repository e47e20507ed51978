"""ShaSpec: shared and specific features; missing modalities are replaced by the mean shared features."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities, mean_of_modalities, mean_where

__all__ = ["METHOD", "ShaSpec", "ShaSpecNetwork", "ShaSpecSettings"]

SOURCE = (
    "Wang et al. (2023), Multi-modal learning with missing modality via shared-specific feature modelling, CVPR, arXiv "
    "2307.14126; from the paper. Differences: the shared and the specific branch have a common encoder per modality; "
    "modality dropout is used in training, as in all methods with `CodeSettings`. The networks of the published code "
    "(billhhh/ShaSpec) segment volumes, so that there is no preset with its sizes"
)


class ShaSpecSettings(CodeSettings):
    """Hyperparameters of ShaSpec in addition to those of `CodeSettings`.

    Attributes
    ----------
    alignment_weight : float >= 0, default 0.02
        Weight of the L1 distance between the shared features of each modality and their mean over modalities.
    modality_weight : float >= 0, default 0.1
        Weight of the cross-entropy of the modality classifier on specific features.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "alignment_weight": Search(0.002, 0.2, log=True),
        "modality_weight": Search(0.01, 1.0, log=True),
    }

    alignment_weight: Annotated[float, Field(ge=0)] = 0.02
    modality_weight: Annotated[float, Field(ge=0)] = 0.1


class ShaSpecOutput(NamedTuple):
    """Output of `ShaSpecNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        Fused features.
    shared : tensor (B, M, d)
        Shared features.
    specific : tensor (B, M, M)
        Logits of the modality classifier on the specific features.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    shared: Tensor
    specific: Tensor
    kept: Tensor


class ShaSpecNetwork(TrainableNetwork):
    """Network of ShaSpec with fused features ``f_m = W [s_m; r_m] + r_m`` and a head.

    ``s_m`` are the specific and ``r_m`` the shared features of modality m. If m is missing, ``f_m`` is the mean of the
    shared features of the observed modalities.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: ShaSpecSettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.specific = nn.ModuleList(nn.Linear(width, width) for _ in forms)
        self.shared = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.fuse = nn.Linear(2 * width, width)
        self.tell = nn.Linear(width, n_modalities)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> ShaSpecOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        specific = torch.stack([layer(code) for layer, code in zip(self.specific, codes.unbind(1), strict=True)], dim=1)
        shared = self.shared(codes)
        mean = mean_of_modalities(shared, kept)
        fused = self.fuse(torch.cat([specific, shared], dim=2)) + shared
        representation = torch.where(kept[..., None], fused, mean.expand_as(fused)).flatten(1)
        return ShaSpecOutput(self.head(representation), representation, shared, self.tell(specific), kept)

    def losses(self, output: ShaSpecOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_align |r - mean r| + w_mod CE(m, s_m)`` and its terms."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        mean = mean_of_modalities(output.shared, output.kept)
        alignment = mean_where((output.shared - mean).abs().mean(dim=2), output.kept)
        modality = torch.arange(output.kept.shape[1], device=output.kept.device).expand_as(output.kept)
        losses = functional.cross_entropy(output.specific.transpose(1, 2), modality, reduction="none")
        classification = mean_where(losses, output.kept)
        settings = self.settings
        loss = prediction + settings.alignment_weight * alignment + settings.modality_weight * classification
        parts = {"loss": loss, "loss/prediction": prediction, "loss/alignment": alignment}
        return parts | {"loss/modality": classification}


class ShaSpec(NetworkMethod):
    """ShaSpec (Wang et al., 2023)."""

    Settings: ClassVar[type[MethodSettings]] = ShaSpecSettings
    Network: ClassVar[type[TrainableNetwork]] = ShaSpecNetwork


METHOD = ShaSpec
