"""MMIN: cascaded residual autoencoders predict the codes of missing modalities, with a cycle-consistency loss."""

from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor

from redcore._settings import Search, Sizes
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, CascadeAutoencoder, Head, Objective, drop_modalities, mean_where

__all__ = ["METHOD", "MMIN", "MMINNetwork", "MMINSettings"]

SOURCE = (
    "Zhao, Li, Jin (2021), Missing modality imagination network for emotion recognition with uncertain missing "
    "modalities, ACL; from the paper. Differences: the paper pretrains encoders on complete data, which is not "
    "available here, so that all parts are trained jointly; imagination is supervised by observed modalities that "
    "modality dropout hides for one step, and observed modalities are not imagined, while their target in the "
    "paper is the code of a zero input. Default sizes are smaller, and the output is the sum of all autoencoders; the "
    "preset mmin_acl2021 has the sizes and the transition layers of the published code (AIM3-RUC/MMIN)"
)


class MMINSettings(CodeSettings):
    """Hyperparameters of MMIN in addition to those of `CodeSettings`.

    Attributes
    ----------
    autoencoder_layers : tuple of int, default (128, 64)
        Layer sizes of the encoder of a residual autoencoder; the last one is the bottleneck.
    n_autoencoders : int in [1, 16], default 3
    transition : bool, default False
        If True, two linear layers follow the autoencoders, as in the authors' code.
    imagination_weight : float >= 0, default 1
        Weight of the mean squared error of imagined codes of modalities hidden by modality dropout.
    cycle_weight : float >= 0, default 1
        Weight of the mean squared error of input codes reconstructed from the imagined codes (cycle consistency).
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "imagination_weight": Search(0.1, 10.0, log=True),
        "cycle_weight": Search(0.1, 10.0, log=True),
    }

    autoencoder_layers: Sizes = (128, 64)
    n_autoencoders: Annotated[int, Field(ge=1, le=16)] = 3
    transition: bool = False
    imagination_weight: Annotated[float, Field(ge=0)] = 1.0
    cycle_weight: Annotated[float, Field(ge=0)] = 1.0


class MMINOutput(NamedTuple):
    """Output of `MMINNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, inner)
        Bottleneck activations of the forward imagination.
    codes, imagined, reconstructed : tensor (B, M, d)
        Encoded codes, imagined codes, and input codes reconstructed from the imagined ones.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    imagined: Tensor
    reconstructed: Tensor
    kept: Tensor


class MMINNetwork(TrainableNetwork):
    """Network of MMIN: encoders, forward and backward imagination, and a head on the bottleneck activations."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MMINSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        shape = (width, settings.autoencoder_layers, settings.n_autoencoders, settings.transition)
        self.ahead, self.backwards = CascadeAutoencoder(*shape), CascadeAutoencoder(*shape)
        self.head = Head(self.ahead.inner, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MMINOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        inputs = codes.masked_fill(~kept[..., None], 0.0)
        imagined, inner = self.ahead(inputs.flatten(1))
        reconstructed, _ = self.backwards(imagined) if self.training else (imagined, None)
        logits = self.head(inner)
        return MMINOutput(logits, inner, codes, imagined.view_as(codes), reconstructed.view_as(codes), kept)

    def losses(self, output: MMINOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return the loss and its terms.

        ``L = CE(y, logits) + w_i |imagined - true|^2 + w_c |reconstructed - true|^2``, where the second term is over
        modalities hidden by modality dropout, and the third over those that were not.
        """
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        truth = output.codes.detach()
        imagination = _distance(output.imagined, truth, batch.availability & ~output.kept)
        cycle = _distance(output.reconstructed, truth, output.kept)
        settings = self.settings
        loss = prediction + settings.imagination_weight * imagination + settings.cycle_weight * cycle
        return {"loss": loss, "loss/prediction": prediction, "loss/imagination": imagination, "loss/cycle": cycle}


def _distance(prediction: Tensor, truth: Tensor, where: Tensor) -> Tensor:
    """Return the mean squared error per dimension over the codes selected by `where`; 0 if there are none."""
    return mean_where((prediction - truth).square().mean(dim=2), where)


class MMIN(NetworkMethod):
    """MMIN (Zhao, Li and Jin, 2021)."""

    Settings: ClassVar[type[MethodSettings]] = MMINSettings
    Network: ClassVar[type[TrainableNetwork]] = MMINNetwork


METHOD = MMIN
