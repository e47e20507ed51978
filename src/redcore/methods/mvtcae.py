"""Supervised MVTCAE: a Gaussian latent variable whose joint posterior is predictable from each modality."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import (
    Batch,
    GaussianLatent,
    Head,
    Latent,
    Objective,
    drop_modalities,
    kl_to_standard_normal,
    mean_where,
)

__all__ = ["METHOD", "MVTCAE", "MVTCAENetwork", "MVTCAESettings"]

SOURCE = (
    "Hwang, Kim, Hong, Kim (2021), Multi-view representation learning via total correlation objective, NeurIPS; from "
    "the paper, independent of the authors' code. Differences: a head on the latent variable adds supervision; the "
    "prior is a factor of the product of Gaussians; modality dropout is used in training, as in all methods with "
    "`CodeSettings`, and hidden modalities are reconstructed, too; the decoders of sequences reconstruct their codes"
)


class MVTCAESettings(CodeSettings):
    """Hyperparameters of MVTCAE in addition to those of `CodeSettings`.

    Attributes
    ----------
    reconstruction_weight : float >= 0, default 0.1
        Weight of the mean squared error of the decoders over all observed modalities.
    kl_weight : float >= 0, default 0.001
        Weight of the sum of both divergences, in nats per sample.
    conditional_share : float in [0, 1], default 5/6
        Share of the divergences to the unimodal posteriors. The remaining share is that of the divergence to the prior.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "reconstruction_weight": Search(0.01, 1.0, log=True),
        "kl_weight": Search(1e-5, 1e-1, log=True),
        "conditional_share": Search(0.0, 1.0),
    }

    reconstruction_weight: Annotated[float, Field(ge=0)] = 0.1
    kl_weight: Annotated[float, Field(ge=0)] = 0.001
    conditional_share: Annotated[float, Field(ge=0, le=1)] = 5 / 6


class MVTCAEOutput(NamedTuple):
    """Output of `MVTCAENetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, d)
        Posterior mean of the latent variable.
    latent : Latent
        Posterior of the latent variable.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    latent: Latent
    kept: Tensor


class MVTCAENetwork(TrainableNetwork):
    """Network of MVTCAE: encoders, product of Gaussian experts, decoders and a head."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MVTCAESettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.latent = GaussianLatent(forms, settings.latent_dim)
        self.head = Head(settings.latent_dim, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MVTCAEOutput:
        """Return the output for a batch, from a latent sample in training mode, else from the posterior mean."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        latent = self.latent(self.encoders(batch), kept, batch)
        return MVTCAEOutput(self.head(latent.sample), latent.mean, latent, kept)

    def losses(self, output: MVTCAEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``CE(y, logits) + w_rec sum_m |x_m - decoded_m|^2 + w_kl (a mean_m KL_m + (1 - a) KL)`` and terms."""
        assert batch.target is not None
        settings, n_samples = self.settings, batch.n_samples
        prediction = objective.loss(output.logits, batch.target)
        reconstruction = output.latent.errors.sum()
        prior = kl_to_standard_normal(output.latent.mean, output.latent.logvar) / (2 * n_samples)
        conditional = _conditional_divergence(output)
        divergence = settings.conditional_share * conditional + (1 - settings.conditional_share) * prior
        loss = prediction + settings.reconstruction_weight * reconstruction + settings.kl_weight * divergence
        parts = {"loss": loss, "loss/prediction": prediction, "loss/reconstruction": reconstruction}
        return parts | {"loss/kl": prior, "loss/conditional_kl": conditional}


def _conditional_divergence(output: MVTCAEOutput) -> Tensor:
    """Return the mean of ``KL(q(z | all observed) || q(z | x_m))`` over observed modalities, in nats."""
    latent = output.latent
    mean, logvar = latent.mean[:, None], latent.logvar[:, None]
    spread = (logvar.exp() + (mean - latent.means).square()) * (-latent.logvars).exp()
    return mean_where((latent.logvars - logvar + spread - 1).sum(dim=2) / 2, output.kept)


class MVTCAE(NetworkMethod):
    """MVTCAE with a supervised head (Hwang, Kim, Hong and Kim, 2021)."""

    Settings: ClassVar[type[MethodSettings]] = MVTCAESettings
    Network: ClassVar[type[TrainableNetwork]] = MVTCAENetwork


METHOD = MVTCAE
