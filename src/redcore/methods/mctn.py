"""MCTN: the representation from which observed codes are translated to missing ones, and back, predicts the target."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Dropout, Head, Objective, drop_modalities, mean_where

__all__ = ["MCTN", "METHOD", "MCTNNetwork", "MCTNSettings"]

SOURCE = (
    "Pham et al. (2019), Found in translation: learning robust joint representations by cyclic translations between "
    "modalities, AAAI, arXiv 1812.07809; from the paper and the published code (hainow/MCTN). Differences: the paper "
    "translates one fixed source modality, which is never missing, frame by frame with recurrent networks; here, the "
    "zero-filled codes of all observed modalities are the source and the codes of the hidden ones the target, with one "
    "hidden layer each, so that any pattern can be predicted. As in the code, the encoder and decoder of both "
    "directions are the same; the second level for a third modality is not needed"
)


class MCTNSettings(CodeSettings):
    """Hyperparameters of MCTN in addition to those of `CodeSettings`.

    Attributes
    ----------
    joint_dim : int in [1, 8192], default 64
        Width of the joint representation.
    translation_weight : float >= 0, default 0.1
        Weight of the mean squared error of translated codes of modalities hidden by modality dropout.
    cycle_weight : float >= 0, default 0.1
        Weight of the mean squared error of observed codes that are translated back from the translated ones.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "translation_weight": Search(0.01, 1.0, log=True),
        "cycle_weight": Search(0.01, 1.0, log=True),
    }

    joint_dim: Annotated[int, Field(ge=1, le=8192)] = 64
    translation_weight: Annotated[float, Field(ge=0)] = 0.1
    cycle_weight: Annotated[float, Field(ge=0)] = 0.1


class MCTNOutput(NamedTuple):
    """Output of `MCTNNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, joint_dim)
        Joint representation.
    codes, translated, cycled : tensor (B, M, d)
        Encoded codes, codes translated from the observed ones, and codes translated back from the translated ones.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    translated: Tensor
    cycled: Tensor
    kept: Tensor


class MCTNNetwork(TrainableNetwork):
    """Network of MCTN: encoders, one translation network for both directions, and a head on its hidden layer."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MCTNSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        self.join = nn.Sequential(nn.Linear(width, settings.joint_dim), nn.ReLU(), Dropout(settings.encoder_dropout))
        self.translate = nn.Linear(settings.joint_dim, width)
        self.head = Head(settings.joint_dim, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MCTNOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        joint = self.join(codes.masked_fill(~kept[..., None], 0.0).flatten(1))
        translated = self.translate(joint).view_as(codes)
        cycled = translated
        if self.training:
            targets = torch.where(kept[..., None], 0.0, translated)
            cycled = self.translate(self.join(targets.flatten(1))).view_as(codes)
        return MCTNOutput(self.head(joint), joint, codes, translated, cycled, kept)

    def losses(self, output: MCTNOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_t |translated - code|^2 + w_c |cycled - code|^2`` and its terms.

        The second term is over modalities hidden by modality dropout, and the third over the others, for samples with a
        hidden or missing modality.
        """
        assert batch.target is not None
        settings, codes = self.settings, output.codes.detach()
        prediction = objective.loss(output.logits, batch.target)
        translation = mean_where((output.translated - codes).square().mean(dim=2), batch.availability & ~output.kept)
        has_target = ~output.kept.all(dim=1, keepdim=True)
        cycle = mean_where((output.cycled - codes).square().mean(dim=2), output.kept & has_target)
        loss = prediction + settings.translation_weight * translation + settings.cycle_weight * cycle
        return {"loss": loss, "loss/prediction": prediction, "loss/translation": translation, "loss/cycle": cycle}


class MCTN(NetworkMethod):
    """MCTN (Pham et al., 2019)."""

    Settings: ClassVar[type[MethodSettings]] = MCTNSettings
    Network: ClassVar[type[TrainableNetwork]] = MCTNNetwork


METHOD = MCTN
