"""DiCMoR: normalising flows map observed codes to a shared latent space, and back to codes of missing modalities."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities, mean_of_modalities, mean_where

__all__ = ["METHOD", "DiCMoR", "DiCMoRNetwork", "DiCMoRSettings", "Flow"]

SOURCE = (
    "Wang, Cui, Li (2023), Distribution-consistent modal recovering for incomplete multimodal learning, ICCV; from the "
    "paper, independent of the authors' code. Differences: flows act on one code per modality and not on frames; the "
    "latent mean is a linear function of the target (one mean per class), which supports regression and multilabel "
    "targets; the likelihood trains the flows but not the encoders, whose codes would otherwise collapse to zero"
)


class DiCMoRSettings(FusionSettings):
    """Hyperparameters of DiCMoR in addition to those of `FusionSettings`.

    Attributes
    ----------
    n_couplings : int in [1, 32], default 4
        Number of affine coupling layers of a flow.
    flow_weight : float >= 0, default 0.1
        Weight of the negative log-likelihood of the codes under the flows, per dimension.
    recovery_weight : float >= 0, default 1
        Weight of the mean squared error of recovered codes of modalities hidden by modality dropout.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "flow_weight": Search(0.01, 1.0, log=True),
        "recovery_weight": Search(0.1, 10.0, log=True),
    }

    n_couplings: Annotated[int, Field(ge=1, le=32)] = 4
    flow_weight: Annotated[float, Field(ge=0)] = 0.1
    recovery_weight: Annotated[float, Field(ge=0)] = 1.0


class ModalityMLP(nn.Module):
    """Perceptron with one hidden layer per modality, (n, M, fan_in) to (n, M, fan_out), initialised to output 0."""

    def __init__(self, n_modalities: int, fan_in: int, hidden: int, fan_out: int) -> None:
        super().__init__()
        bound = max(fan_in, 1) ** -0.5
        self.enter = nn.Parameter(torch.empty(n_modalities, fan_in, hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_modalities, hidden))
        self.leave = nn.Parameter(torch.zeros(n_modalities, hidden, fan_out))

    def forward(self, codes: Tensor) -> Tensor:
        """Apply the perceptron of each modality to its codes."""
        hidden = functional.gelu(torch.einsum("nmd,mdh->nmh", codes, self.enter) + self.bias)
        return torch.einsum("nmh,mhe->nme", hidden, self.leave)


class Coupling(nn.Module):
    """Affine coupling ``b' = b exp(s(a)) + t(a)`` of the two parts (a, b) of a code, with |s| <= 1."""

    def __init__(self, n_modalities: int, width: int) -> None:
        super().__init__()
        self.n_read = width // 2
        self.read = ModalityMLP(n_modalities, self.n_read, width, 2 * (width - self.n_read))

    def _scale_and_shift(self, fixed: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.read(fixed).chunk(2, dim=2)
        return scale.tanh(), shift

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the transformed codes, (n, M, d), and the log-determinants of the Jacobians, (n, M)."""
        fixed, changed = codes[..., : self.n_read], codes[..., self.n_read :]
        scale, shift = self._scale_and_shift(fixed)
        return torch.cat([fixed, changed * scale.exp() + shift], dim=2), scale.sum(dim=2)

    def inverse(self, codes: Tensor) -> Tensor:
        """Return the inverse of `forward`, (n, M, d)."""
        fixed, changed = codes[..., : self.n_read], codes[..., self.n_read :]
        scale, shift = self._scale_and_shift(fixed)
        return torch.cat([fixed, (changed - shift) * (-scale).exp()], dim=2)


class Flow(nn.Module):
    """Normalising flows between the codes of each modality and the shared latent space.

    Parameters
    ----------
    n_modalities, width, n_couplings : int
    """

    def __init__(self, n_modalities: int, width: int, n_couplings: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(n_modalities, width) for _ in range(n_couplings))

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the latents of codes, (n, M, d), and the log-determinants of the Jacobians, (n, M)."""
        total = codes.new_zeros(codes.shape[:2])
        for coupling in self.couplings:
            # reversing the dimensions lets each coupling transform the part that the previous one left unchanged
            codes, logdet = coupling(codes.flip(2))
            total = total + logdet
        return codes, total

    def inverse(self, latents: Tensor) -> Tensor:
        """Return the codes of latents, (n, M, d)."""
        for coupling in reversed(self.couplings):
            latents = cast(Coupling, coupling).inverse(latents).flip(2)
        return latents


class DiCMoROutput(NamedTuple):
    """Output of `DiCMoRNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        Fused codes.
    codes, recovered : tensor (B, M, d)
        Encoded and recovered codes.
    latents, logdet : tensor (B, M, d) and (B, M)
        Latents and log-determinants of the detached codes.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    recovered: Tensor
    latents: Tensor
    logdet: Tensor
    kept: Tensor


class DiCMoRNetwork(TrainableNetwork):
    """Network of DiCMoR: encoders, flows, refinement of recovered codes, attention-based fusion and a head."""

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
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        latents, logdet = self.flow(codes.detach())
        recovered = self._recover(latents, kept)
        representation = self.fuse(torch.where(kept[..., None], codes, recovered)).flatten(1)
        return DiCMoROutput(self.head(representation), representation, codes, recovered, latents, logdet, kept)

    def _recover(self, latents: Tensor, kept: Tensor) -> Tensor:
        """Return the codes of all modalities recovered from the mean latent of the observed modalities, (B, M, d)."""
        codes = self.flow.inverse(mean_of_modalities(latents, kept).expand_as(latents))
        refined: Tensor = codes + self.refine(codes)
        return refined

    def losses(self, output: DiCMoROutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) - w_f log p(codes | y) + w_r |recovered - true|^2 (hidden)`` and its terms."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        likelihood = self._negative_log_likelihood(output, batch, objective)
        squares = (output.recovered - output.codes.detach()).square().mean(dim=2)
        recovery = mean_where(squares, batch.availability & ~output.kept)
        settings = self.settings
        loss = prediction + settings.flow_weight * likelihood + settings.recovery_weight * recovery
        return {"loss": loss, "loss/prediction": prediction, "loss/flow": likelihood, "loss/recovery": recovery}

    def _negative_log_likelihood(self, output: DiCMoROutput, batch: Batch, objective: Objective) -> Tensor:
        """Return the mean over observed codes, per dimension and up to a constant, for latents ~ N(mean(y), I)."""
        assert batch.target is not None
        values, _ = objective.split(batch.target)
        mean = (objective.label_vectors(values) @ self.latent_mean)[:, None]
        energy = (output.latents - mean).square().sum(dim=2) / 2 - output.logdet
        return mean_where(energy, batch.availability) / self.latent_mean.shape[1]


class DiCMoR(NetworkMethod):
    """DiCMoR (Wang, Cui and Li, 2023)."""

    Settings: ClassVar[type[MethodSettings]] = DiCMoRSettings
    Network: ClassVar[type[TrainableNetwork]] = DiCMoRNetwork


METHOD = DiCMoR
