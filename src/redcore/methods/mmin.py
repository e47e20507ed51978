"""MMIN: residual autoencoders imagine the codes of missing modalities, and back; their inner codes are classified."""

from itertools import pairwise
from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Sizes
from redcore.fitting import TrainableNetwork
from redcore.methods._base import CodeSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities, mean_where

__all__ = ["METHOD", "MMIN", "MMINNetwork", "MMINSettings"]

SOURCE = (
    "Zhao, Li, Jin (2021), Missing modality imagination network for emotion recognition with uncertain missing "
    "modalities, ACL; from the paper. The paper pretrains encoders on complete data, which does not exist here: all is "
    "trained together, and imagination is supervised where a sample has what was hidden from it for one step"
)


class MMINSettings(CodeSettings):
    """Constants of MMIN, beside those of `CodeSettings`.

    Attributes
    ----------
    autoencoder_layers : tuple of int, default (128, 64)
        Hidden sizes of a residual autoencoder on the way down; the last is its inner code.
    n_autoencoders : int in [1, 16], default 3
    imagination_weight : float >= 0, default 1
        Of the mean squared distance between imagined and true codes that were hidden.
    cycle_weight : float >= 0, default 1
        Of the same between codes that were read and those imagined back from the imagined ones.
    """

    autoencoder_layers: Sizes = (128, 64)
    n_autoencoders: Annotated[int, Field(ge=1, le=16)] = 3
    imagination_weight: Annotated[float, Field(ge=0)] = 1.0
    cycle_weight: Annotated[float, Field(ge=0)] = 1.0


def _layers(sizes: list[int]) -> nn.Sequential:
    return nn.Sequential(*[part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())][:-1])


class CascadeAutoencoder(nn.Module):
    """Autoencoders in a row, each reading the input plus what those before it said."""

    def __init__(self, width: int, hidden: tuple[int, ...], n_blocks: int) -> None:
        super().__init__()
        sizes = [width, *(hidden or (width,))]
        self.down = nn.ModuleList(_layers(sizes) for _ in range(n_blocks))
        self.up = nn.ModuleList(_layers(sizes[::-1]) for _ in range(n_blocks))
        self.inner = sizes[-1] * n_blocks

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, width) to imagined values of the same shape, and all inner codes side by side (n, inner)."""
        said, inner = torch.zeros_like(values), []
        for down, up in zip(self.down, self.up, strict=True):
            inner.append(down(values + said))
            said = said + up(inner[-1])
        return said, torch.cat(inner, dim=1)


class MMINOutput(NamedTuple):
    """Logits, inner codes, true and imagined codes and those imagined back (B, M, d), and which were read (B, M)."""

    logits: Tensor
    representation: Tensor
    codes: Tensor
    imagined: Tensor
    back: Tensor
    kept: Tensor


class MMINNetwork(TrainableNetwork):
    """Encoders, forward and backward imagination, a head on the inner codes of the forward one."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MMINSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        width = len(forms) * settings.latent_dim
        shape = (width, settings.autoencoder_layers, settings.n_autoencoders)
        self.ahead, self.backwards = CascadeAutoencoder(*shape), CascadeAutoencoder(*shape)
        self.head = Head(self.ahead.inner, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> MMINOutput:
        """Compute logits for a batch."""
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        codes = self.encoders(batch)
        read = codes.masked_fill(~kept[..., None], 0.0)
        imagined, inner = self.ahead(read.flatten(1))
        back, _ = self.backwards(imagined) if self.training else (imagined, None)
        logits = self.head(inner)
        return MMINOutput(logits, inner, codes, imagined.view_as(codes), back.view_as(codes), kept)

    def losses(self, output: MMINOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + w_i |imagined - true|^2 (hidden) + w_c |back - true|^2 (read)``, and parts."""
        assert batch.target is not None
        prediction = objective.loss(output.logits, batch.target)
        truth = output.codes.detach()
        imagination = _distance(output.imagined, truth, batch.availability & ~output.kept)
        cycle = _distance(output.back, truth, output.kept)
        settings = self.settings
        loss = prediction + settings.imagination_weight * imagination + settings.cycle_weight * cycle
        return {"loss": loss, "loss/prediction": prediction, "loss/imagination": imagination, "loss/cycle": cycle}


def _distance(guess: Tensor, truth: Tensor, where: Tensor) -> Tensor:
    """Return the mean squared distance per dimension over the codes `where` is True; 0 if there are none."""
    return mean_where((guess - truth).square().mean(dim=2), where)


class MMIN(NetworkMethod):
    """MMIN as a method."""

    Settings: ClassVar[type[MethodSettings]] = MMINSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return MMINNetwork(forms, n_outputs, cast(MMINSettings, self.settings))


METHOD = MMIN
