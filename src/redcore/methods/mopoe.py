"""MoPoE-VAE with a head: one Gaussian latent, the product of what random subsets of the modalities say of it."""

from typing import Annotated, ClassVar, NamedTuple, cast

from pydantic import Field
from torch import Tensor

from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, GaussianLatent, Head, Latent, Objective, drop_modalities, kl_to_standard_normal

__all__ = ["METHOD", "MoPoE", "MoPoENetwork", "MoPoESettings"]

SOURCE = (
    "Sutter, Daunhawer, Vogt (2021), Generalized multimodal ELBO, ICLR, arXiv 2105.02470; from the paper. Of the "
    "mixture over all subsets one is drawn per sample and step: the cost is linear in the modalities; predictions read "
    "the product over all that is present; a head on the latent makes it supervised; sequences are reconstructed by "
    "their codes"
)


class MoPoESettings(CodeSettings):
    """Constants of MoPoE, beside those of `CodeSettings`.

    Attributes
    ----------
    modality_dropout : float in [0, 1), default 0.5
        Here the draw of the subset: at 0.5 every subset of what is present is about equally likely.
    reconstruction_weight : float >= 0, default 0.1
        Of the mean squared error of the decoders, over every modality that the sample observes.
    kl_weight : float >= 0, default 0.001
        Of ``KL(q(z | subset) || N(0, I))``, in nats per sample.
    """

    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    reconstruction_weight: Annotated[float, Field(ge=0)] = 0.1
    kl_weight: Annotated[float, Field(ge=0)] = 0.001


class MoPoEOutput(NamedTuple):
    """Logits, mean of the latent (B, d), and all of the latent."""

    logits: Tensor
    representation: Tensor
    latent: Latent


class MoPoENetwork(TrainableNetwork):
    """Encoders, a product of Gaussians with the prior ``N(0, I)`` as one of them, decoders, a head."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MoPoESettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.latent = GaussianLatent(forms, settings.latent_dim)
        self.head = Head(settings.latent_dim, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MoPoEOutput:
        """Compute logits for a batch: of a drawn latent in training, of its mean otherwise."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        latent = self.latent(self.encoders(batch), kept, batch)
        return MoPoEOutput(self.head(latent.sample), latent.mean, latent)

    def losses(self, output: MoPoEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_rec sum_m |x_m - decoded_m|^2 + w_kl KL`` and its parts."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        reconstruction = output.latent.errors.sum()
        kl = kl_to_standard_normal(output.latent.mean, output.latent.logvar) / (2 * batch.n_samples)
        settings = self.settings
        loss = prediction + settings.reconstruction_weight * reconstruction + settings.kl_weight * kl
        return {"loss": loss, "loss/prediction": prediction, "loss/reconstruction": reconstruction, "loss/kl": kl}


class MoPoE(NetworkMethod):
    """MoPoE as a method."""

    Settings: ClassVar[type[MethodSettings]] = MoPoESettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return MoPoENetwork(forms, n_outputs, cast(MoPoESettings, self.settings))


METHOD = MoPoE
