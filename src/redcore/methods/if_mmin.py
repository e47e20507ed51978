"""IF-MMIN: modality-invariant features guide the cascade that imagines the codes of missing modalities."""

from itertools import combinations
from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Search, Sizes
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, CascadeAutoencoder, Head, Objective, drop_modalities, mean_where

__all__ = ["IFMMIN", "METHOD", "IFMMINNetwork", "IFMMINSettings", "central_moment_discrepancy"]

SOURCE = (
    "Zuo et al. (2023), Exploiting modality-invariant feature for robust multimodal emotion recognition with missing "
    "modalities, ICASSP, arXiv 2210.15359; from the published code (ZhuoYulang/IF-MMIN), which the paper describes. "
    "Differences: the paper pretrains encoders and invariance encoder on complete data, which is not available here: "
    "all parts are trained jointly, and the targets are detached codes and features of the same network before "
    "modality dropout; moments of features are taken after a sigmoid, which bounds them as the discrepancy requires"
)

N_MOMENTS = 5


class IFMMINSettings(CodeSettings):
    """Hyperparameters of IF-MMIN in addition to those of `CodeSettings`.

    Attributes
    ----------
    autoencoder_layers : tuple of int, default (128, 64)
        Layer sizes of the encoder of a residual autoencoder; the last one is the bottleneck.
    n_autoencoders : int in [1, 16], default 3
    imagination_weight : float >= 0, default 1
        Weight of the mean squared error of imagined codes of modalities hidden by modality dropout.
    invariance_weight : float >= 0, default 1
        Weight of the mean squared error between the invariant features with and without the hidden modalities.
    discrepancy_weight : float >= 0, default 1
        Weight of the central moment discrepancy between the invariant features of the observed modalities.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "imagination_weight": Search(0.1, 10.0, log=True),
        "invariance_weight": Search(0.1, 100.0, log=True),
        "discrepancy_weight": Search(0.1, 10.0, log=True),
    }

    autoencoder_layers: Sizes = (128, 64)
    n_autoencoders: Annotated[int, Field(ge=1, le=16)] = 3
    imagination_weight: Annotated[float, Field(ge=0)] = 1.0
    invariance_weight: Annotated[float, Field(ge=0)] = 1.0
    discrepancy_weight: Annotated[float, Field(ge=0)] = 1.0


class InvariantCascade(CascadeAutoencoder):
    """Cascade of residual autoencoders, each of which reads the previous input plus the invariant features."""

    def imagine(self, values: Tensor, invariant: Tensor) -> tuple[Tensor, Tensor]:
        """Return the imagined codes, (n, width), and the concatenated bottleneck activations, (n, inner).

        Parameters
        ----------
        values, invariant : tensor (n, width)
        """
        assert self.transition is not None
        inputs, output, bottlenecks = values, invariant, []
        for down, up in zip(self.down, self.up, strict=True):
            inputs = inputs + invariant
            bottlenecks.append(down(inputs))
            output = up(bottlenecks[-1])
        imagined: Tensor = self.transition(inputs + output)
        return imagined, torch.cat(bottlenecks, dim=1)


class IFMMINOutput(NamedTuple):
    """Output of `IFMMINNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, inner)
        Bottleneck activations of the cascade.
    codes, imagined : tensor (B, M, d)
        Encoded and imagined codes.
    invariant, reduced : tensor (B, M, d)
        Invariant features of the codes, and of the codes in which hidden modalities are zero.
    kept : bool tensor (B, M)
        Availability mask after modality dropout.
    """

    logits: Tensor
    representation: Tensor
    codes: Tensor
    imagined: Tensor
    invariant: Tensor
    reduced: Tensor
    kept: Tensor


class IFMMINNetwork(TrainableNetwork):
    """Network of IF-MMIN: encoders, one invariance encoder for all modalities, cascade, and a head on bottlenecks."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: IFMMINSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        width = settings.latent_dim
        self.invariance = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU()
        )
        self.cascade = InvariantCascade(
            len(forms) * width, settings.autoencoder_layers, settings.n_autoencoders, transition=True
        )
        self.head = Head(self.cascade.inner, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> IFMMINOutput:
        """Return the output for a batch, with the logits."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        inputs = codes.masked_fill(~kept[..., None], 0.0)
        invariant, reduced = self.invariance(codes), self.invariance(inputs)
        imagined, inner = self.cascade.imagine(inputs.flatten(1), reduced.flatten(1))
        logits = self.head(inner)
        return IFMMINOutput(logits, inner, codes, imagined.view_as(codes), invariant, reduced, kept)

    def losses(self, output: IFMMINOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_i |imagined - code|^2 + w_v |reduced - invariant|^2 + w_d CMD`` and terms.

        The second and the third term are over modalities hidden by modality dropout.
        """
        assert batch.target is not None
        settings, hidden = self.settings, batch.availability & ~output.kept
        prediction = objective.loss(output.logits, batch.target)
        imagination = mean_where((output.imagined - output.codes.detach()).square().mean(dim=2), hidden)
        invariance = mean_where((output.reduced - output.invariant.detach()).square().mean(dim=2), hidden)
        discrepancy = _discrepancy(output.invariant.sigmoid(), batch.availability)
        loss = prediction + settings.imagination_weight * imagination + settings.invariance_weight * invariance
        loss = loss + settings.discrepancy_weight * discrepancy
        parts = {"loss": loss, "loss/prediction": prediction, "loss/imagination": imagination}
        return parts | {"loss/invariance": invariance, "loss/discrepancy": discrepancy}


def _discrepancy(features: Tensor, observed: Tensor) -> Tensor:
    """Return the mean discrepancy over pairs of modalities that at least one sample of the batch observes."""
    parts = [features[rows, index] for index, rows in enumerate(observed.unbind(1)) if bool(rows.any())]
    pairs = [central_moment_discrepancy(*pair) for pair in combinations(parts, 2)]
    return torch.stack(pairs).mean() if pairs else features.new_zeros(())


def central_moment_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Return the sum of the distances of the means and of the central moments 2 to 5 of two samples of features.

    Parameters
    ----------
    first, second : tensor (n, d)
        Features in [0, 1]; the numbers of rows may differ.
    """
    means = first.mean(dim=0), second.mean(dim=0)
    centred = first - means[0], second - means[1]
    distances = [_norm(means[0] - means[1])]
    for order in range(2, N_MOMENTS + 1):
        distances.append(_norm((centred[0] ** order).mean(dim=0) - (centred[1] ** order).mean(dim=0)))
    return torch.stack(distances).sum()


def _norm(difference: Tensor) -> Tensor:
    # the gradient of a norm is not defined at 0
    return (difference.square().sum() + 1e-12).sqrt()


class IFMMIN(NetworkMethod):
    """IF-MMIN (Zuo et al., 2023)."""

    Settings: ClassVar[type[MethodSettings]] = IFMMINSettings
    Network: ClassVar[type[TrainableNetwork]] = IFMMINNetwork


METHOD = IFMMIN
