"""MoMKE: a mixture of modality experts, each applied to all modalities and weighted by a soft router."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities

__all__ = ["METHOD", "MoMKE", "MoMKENetwork", "MoMKESettings"]

SOURCE = (
    "Xu et al. (2024), Leveraging knowledge of modality experts for incomplete multimodal learning, ACM MM; from the "
    "paper. Differences: the paper trains the experts before the router; here, both are trained jointly, and each "
    "expert has a head. Experts are MLPs on codes and not Transformers on frames. The published code (wxxv/MoMKE) has "
    "a router per modality and a residual layer before the head; here, one linear router is shared, and there is no "
    "such layer. The preset momke_mm2024 has the sizes of that code"
)


class MoMKESettings(CodeSettings):
    """Hyperparameters of MoMKE in addition to those of `CodeSettings`.

    Attributes
    ----------
    expert_weight : float >= 0, default 1
        Weight of the losses of the heads of the experts, each applied to the modality of the expert.
    """

    SEARCH: ClassVar[dict[str, Search]] = {"expert_weight": Search(0.1, 10.0, log=True)}

    expert_weight: Annotated[float, Field(ge=0)] = 1.0


class MoMKEOutput(NamedTuple):
    """Output of `MoMKENetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        Mixed codes.
    expert_logits : tensor (B, M, n_outputs)
        Logits of each expert for its modality.
    """

    logits: Tensor
    representation: Tensor
    expert_logits: Tensor


class MoMKENetwork(TrainableNetwork):
    """Network of MoMKE: ``z_m = sum_k w_mk E_k(h_m)`` with ``w_m = softmax(router(h_m))``, and a head.

    ``h_m`` is the encoded modality m and ``E_k`` is expert k. ``z_m`` is zero if m is missing.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MoMKESettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        # weights of all experts, (M, d, d)
        scale = width**-0.5
        self.first = nn.Parameter(torch.empty(n_modalities, width, width).uniform_(-scale, scale))
        self.second = nn.Parameter(torch.empty(n_modalities, width, width).uniform_(-scale, scale))
        self.router = nn.Linear(width, n_modalities)
        self.expert_heads = nn.ModuleList(nn.Linear(width, n_outputs) for _ in forms)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MoMKEOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        # (B, M, K, d): output of expert k for modality m
        hidden = torch.relu(torch.einsum("bmd,kde->bmke", codes, self.first))
        expert_outputs = codes[:, :, None] + torch.einsum("bmkd,kde->bmke", hidden, self.second)
        weights = self.router(codes).softmax(dim=2)
        mixed = (expert_outputs * weights[..., None]).sum(dim=2).masked_fill(~kept[..., None], 0.0)
        own_outputs = expert_outputs.diagonal(dim1=1, dim2=2).permute(0, 2, 1)
        heads = zip(self.expert_heads, own_outputs.unbind(1), strict=True)
        expert_logits = torch.stack([head(code) for head, code in heads], dim=1)
        return MoMKEOutput(self.head(mixed.flatten(1)), mixed.flatten(1), expert_logits)

    def losses(self, output: MoMKEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w sum_m CE(y, logits of expert m)``, with means over samples that observe m."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        parts = zip(output.expert_logits.unbind(1), batch.modalities, strict=True)
        losses = [
            objective.loss(logits[part.rows], batch.target[part.rows]) for logits, part in parts if len(part.rows)
        ]
        experts = torch.stack(losses).sum() if losses else prediction.new_zeros(())
        loss = prediction + self.settings.expert_weight * experts
        return {"loss": loss, "loss/prediction": prediction, "loss/experts": experts}


class MoMKE(NetworkMethod):
    """MoMKE (Xu et al., 2024)."""

    Settings: ClassVar[type[MethodSettings]] = MoMKESettings
    Network: ClassVar[type[TrainableNetwork]] = MoMKENetwork


METHOD = MoMKE
