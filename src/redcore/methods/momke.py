"""MoMKE: every modality's expert sees every modality, and a soft router mixes what they say."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities

__all__ = ["METHOD", "MoMKE", "MoMKENetwork", "MoMKESettings"]

SOURCE = (
    "Xu et al. (2024), Leveraging knowledge of modality experts for incomplete multimodal learning, ACM MM; from the "
    "paper. The paper trains experts first and the router after: here both are trained together, the experts by heads "
    "of their own; experts are MLPs on codes instead of Transformers on frames"
)


class MoMKESettings(CodeSettings):
    """Constants of MoMKE, beside those of `CodeSettings`.

    Attributes
    ----------
    expert_weight : float >= 0, default 1
        Of the losses of the experts' own heads, each on its own modality.
    """

    expert_weight: Annotated[float, Field(ge=0)] = 1.0


class MoMKEOutput(NamedTuple):
    """Logits, mixed codes (B, M * d), and the logits of every expert on its own modality (B, M, n_outputs)."""

    logits: Tensor
    representation: Tensor
    expert_logits: Tensor


class MoMKENetwork(TrainableNetwork):
    """``z_m = sum_k w_mk E_k(h_m)`` with ``w_m = softmax(router(h_m))``; zeros where m is missing; one head on all."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MoMKESettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        # batched over experts: (M, d, d)
        scale = width**-0.5
        self.first = nn.Parameter(torch.empty(n_modalities, width, width).uniform_(-scale, scale))
        self.second = nn.Parameter(torch.empty(n_modalities, width, width).uniform_(-scale, scale))
        self.router = nn.Linear(width, n_modalities)
        self.expert_heads = nn.ModuleList(nn.Linear(width, n_outputs) for _ in forms)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MoMKEOutput:
        """Compute logits for a batch."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        # (B, M, K, d): what expert k says of modality m
        hidden = torch.relu(torch.einsum("bmd,kde->bmke", codes, self.first))
        said = codes[:, :, None] + torch.einsum("bmkd,kde->bmke", hidden, self.second)
        weights = self.router(codes).softmax(dim=2)
        mixed = (said * weights[..., None]).sum(dim=2).masked_fill(~kept[..., None], 0.0)
        own = said.diagonal(dim1=1, dim2=2).permute(0, 2, 1)
        heads = zip(self.expert_heads, own.unbind(1), strict=True)
        expert_logits = torch.stack([head(code) for head, code in heads], dim=1)
        return MoMKEOutput(self.head(mixed.flatten(1)), mixed.flatten(1), expert_logits)

    def losses(self, output: MoMKEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w sum_m CE(y, logits of expert m)``, the latter over samples that observe m."""
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
    """MoMKE as a method."""

    Settings: ClassVar[type[MethodSettings]] = MoMKESettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return MoMKENetwork(forms, n_outputs, cast(MoMKESettings, self.settings))


METHOD = MoMKE
