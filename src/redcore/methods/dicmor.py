"""DiCMoR: normalising flows carry what is there to a shared latent space and back to codes of what is missing."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities, mean_of_modalities, mean_where

__all__ = ["METHOD", "DiCMoR", "DiCMoRNetwork", "DiCMoRSettings", "Flow"]

SOURCE = (
    "Wang, Cui, Li (2023), Distribution-consistent modal recovering for incomplete multimodal learning, ICCV; from the "
    "paper, no code followed. Flows act on one code per modality instead of frames; the latent mean is linear in the "
    "target, one mean per class, so that numbers and labels can be predicted too; the likelihood trains the flows and "
    "not the encoders, whose codes it would shrink without end"
)


class DiCMoRSettings(FusionSettings):
    """Constants of DiCMoR, beside those of `FusionSettings`.

    Attributes
    ----------
    n_couplings : int in [1, 32], default 4
        Affine coupling layers of a flow.
    flow_weight : float >= 0, default 0.1
        Of the negative log-likelihood of the codes under their flows, per dimension.
    recovery_weight : float >= 0, default 1
        Of the mean squared distance between recovered and true codes that were hidden.
    """

    n_couplings: Annotated[int, Field(ge=1, le=32)] = 4
    flow_weight: Annotated[float, Field(ge=0)] = 0.1
    recovery_weight: Annotated[float, Field(ge=0)] = 1.0


class ModalityMLP(nn.Module):
    """A layer of hidden units per modality, all modalities at once: (n, M, fan_in) to (n, M, fan_out), 0 at first."""

    def __init__(self, n_modalities: int, fan_in: int, hidden: int, fan_out: int) -> None:
        super().__init__()
        bound = max(fan_in, 1) ** -0.5
        self.enter = nn.Parameter(torch.empty(n_modalities, fan_in, hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_modalities, hidden))
        self.leave = nn.Parameter(torch.zeros(n_modalities, hidden, fan_out))

    def forward(self, codes: Tensor) -> Tensor:
        """Apply each modality's own layer to its code."""
        hidden = functional.gelu(torch.einsum("nmd,mdh->nmh", codes, self.enter) + self.bias)
        return torch.einsum("nmh,mhe->nme", hidden, self.leave)


class Coupling(nn.Module):
    """``b' = b exp(s(a)) + t(a)`` on the two parts (a, b) of a code: invertible whatever s and t are; |s| <= 1."""

    def __init__(self, n_modalities: int, width: int) -> None:
        super().__init__()
        self.n_read = width // 2
        self.read = ModalityMLP(n_modalities, self.n_read, width, 2 * (width - self.n_read))

    def _scale_and_shift(self, read: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.read(read).chunk(2, dim=2)
        return scale.tanh(), shift

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the changed codes, both (n, M, d), and the log-determinant (n, M)."""
        read, changed = codes[..., : self.n_read], codes[..., self.n_read :]
        scale, shift = self._scale_and_shift(read)
        return torch.cat([read, changed * scale.exp() + shift], dim=2), scale.sum(dim=2)

    def inverse(self, codes: Tensor) -> Tensor:
        """Undo `forward`."""
        read, changed = codes[..., : self.n_read], codes[..., self.n_read :]
        scale, shift = self._scale_and_shift(read)
        return torch.cat([read, (changed - shift) * (-scale).exp()], dim=2)


class Flow(nn.Module):
    """An invertible map per modality between its codes and the latent space that all share.

    Parameters
    ----------
    n_modalities, width, n_couplings : int
    """

    def __init__(self, n_modalities: int, width: int, n_couplings: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(n_modalities, width) for _ in range(n_couplings))

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Map codes (n, M, d) to latents, and return the log-determinant (n, M)."""
        total = codes.new_zeros(codes.shape[:2])
        for coupling in self.couplings:
            # reversed, so that the next coupling changes what this one reads
            codes, logdet = coupling(codes.flip(2))
            total = total + logdet
        return codes, total

    def inverse(self, latents: Tensor) -> Tensor:
        """Map latents (n, M, d) to codes."""
        for coupling in reversed(self.couplings):
            latents = cast(Coupling, coupling).inverse(latents).flip(2)
        return latents


class DiCMoROutput(NamedTuple):
    """What the network computes for a batch of B samples and M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        The fused codes.
    codes, recovered : tensor (B, M, d)
    latents, logdet : tensor (B, M, d) and (B, M)
        Of the codes taken as data.
    kept : bool tensor (B, M)
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    recovered: Tensor
    latents: Tensor
    logdet: Tensor
    kept: Tensor


class DiCMoRNetwork(TrainableNetwork):
    """Encoders, flows, a refinement of what they recover, fusion by attention, a head."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: DiCMoRSettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.flow = Flow(n_modalities, width, settings.n_couplings)
        self.refine = ModalityMLP(n_modalities, width, width, width)
        self.latent_mean = nn.Parameter(torch.zeros(n_outputs, width))
        self.fuse = settings.build_fusion(n_modalities)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> DiCMoROutput:
        """Compute logits for a batch."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        latents, logdet = self.flow(codes.detach())
        recovered = self._recover(latents, kept)
        representation = self.fuse(torch.where(kept[..., None], codes, recovered)).flatten(1)
        return DiCMoROutput(self.head(representation), representation, codes, recovered, latents, logdet, kept)

    def _recover(self, latents: Tensor, kept: Tensor) -> Tensor:
        """Return the codes that the mean latent of what is kept stands for in every modality."""
        codes = self.flow.inverse(mean_of_modalities(latents, kept).expand_as(latents))
        refined: Tensor = codes + self.refine(codes)
        return refined

    def losses(self, output: DiCMoROutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) - w_f log p(codes | y) + w_r |recovered - true|^2 (hidden)`` and its parts."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        likelihood = self._negative_log_likelihood(output, batch, objective)
        squares = (output.recovered - output.codes.detach()).square().mean(dim=2)
        recovery = mean_where(squares, batch.availability & ~output.kept)
        settings = self.settings
        loss = prediction + settings.flow_weight * likelihood + settings.recovery_weight * recovery
        return {"loss": loss, "loss/prediction": prediction, "loss/flow": likelihood, "loss/recovery": recovery}

    def _negative_log_likelihood(self, output: DiCMoROutput, batch: Batch, objective: Objective) -> Tensor:
        """Return the mean over observed codes, per dimension and up to a constant, with latents ~ N(mean(y), I)."""
        assert batch.target is not None
        target, _ = objective.split(batch.target)
        if not target.is_floating_point():
            target = functional.one_hot(target, len(self.latent_mean)).float()
        mean = (target @ self.latent_mean)[:, None]
        energy = (output.latents - mean).square().sum(dim=2) / 2 - output.logdet
        return mean_where(energy, batch.availability) / self.latent_mean.shape[1]


class DiCMoR(NetworkMethod):
    """DiCMoR as a method."""

    Settings: ClassVar[type[MethodSettings]] = DiCMoRSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return DiCMoRNetwork(forms, n_outputs, cast(DiCMoRSettings, self.settings))


METHOD = DiCMoR
