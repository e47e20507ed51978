"""Supervised MoPoE-VAE: a mixture of products of Gaussian experts over subsets of the modalities."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, GaussianLatent, Head, Latent, Objective, drop_modalities, kl_to_standard_normal

__all__ = ["METHOD", "MoPoE", "MoPoENetwork", "MoPoESettings"]

SOURCE = (
    "Sutter, Daunhawer, Vogt (2021), Generalized multimodal ELBO, ICLR, arXiv 2105.02470; from the paper. Differences: "
    "one random subset per sample and step replaces the mixture over all subsets, so that the cost is linear in the "
    "number of modalities; predictions use the product of all observed modalities; a head on the latent variable adds "
    "supervision; the decoders of sequences reconstruct their codes"
)


class MoPoESettings(CodeSettings):
    """Hyperparameters of MoPoE in addition to those of `CodeSettings`.

    Attributes
    ----------
    modality_dropout : float in [0, 1), default 0.5
        Rate of the random subsets. With 0.5, all subsets of the observed modalities have about the same probability.
    reconstruction_weight : float >= 0, default 0.1
        Weight of the mean squared error of the decoders over all observed modalities.
    kl_weight : float >= 0, default 0.001
        Weight of ``KL(q(z | subset) || N(0, I))``, in nats per sample.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "reconstruction_weight": Search(0.01, 1.0, log=True),
        "kl_weight": Search(1e-5, 1e-1, log=True),
    }

    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    reconstruction_weight: Annotated[float, Field(ge=0)] = 0.1
    kl_weight: Annotated[float, Field(ge=0)] = 0.001


class MoPoEOutput(NamedTuple):
    """Logits (B, n_outputs), posterior mean of the latent variable (B, d), and its posterior."""

    logits: Tensor
    representation: Tensor
    latent: Latent


class MoPoENetwork(TrainableNetwork):
    """Network of MoPoE: encoders, product of Gaussian experts and the prior ``N(0, I)``, decoders and a head."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MoPoESettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.latent = GaussianLatent(forms, settings.latent_dim)
        self.head = Head(settings.latent_dim, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MoPoEOutput:
        """Return the output for a batch, from a latent sample in training mode, else from the posterior mean."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        latent = self.latent(self.encoders(batch), kept, batch)
        return MoPoEOutput(self.head(latent.sample), latent.mean, latent)

    def losses(self, output: MoPoEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_rec sum_m |x_m - decoded_m|^2 + w_kl KL`` and its terms."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        reconstruction = output.latent.errors.sum()
        kl = kl_to_standard_normal(output.latent.mean, output.latent.logvar) / (2 * batch.n_samples)
        settings = self.settings
        loss = prediction + settings.reconstruction_weight * reconstruction + settings.kl_weight * kl
        return {"loss": loss, "loss/prediction": prediction, "loss/reconstruction": reconstruction, "loss/kl": kl}


class MoPoE(NetworkMethod):
    """MoPoE-VAE with a supervised head (Sutter, Daunhawer and Vogt, 2021)."""

    Settings: ClassVar[type[MethodSettings]] = MoPoESettings
    Network: ClassVar[type[TrainableNetwork]] = MoPoENetwork


METHOD = MoPoE
