"""A Gaussian latent that the modalities of a sample agree on, and decoders that read it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from redcore.nn._batch import Batch, ObservedTensor

__all__ = ["GaussianLatent", "Latent", "product_of_gaussians"]


class Latent(NamedTuple):
    """What a batch of n samples with M modalities says of a latent of width d.

    Attributes
    ----------
    sample : tensor (n, d)
        Drawn in training; the mean otherwise.
    mean, logvar : tensor (n, d)
    means, logvars : tensor (n, M, d)
        What each modality says of it.
    errors : tensor (M,)
        Of the decoders; 0 outside training.
    """

    sample: Tensor
    mean: Tensor
    logvar: Tensor
    means: Tensor
    logvars: Tensor
    errors: Tensor


LARGEST_LOGVAR = 10.0
"""Bound on |logvar|: no modality can drown the others, whatever its input."""


class GaussianExperts(nn.Module):
    """What each modality says of the latent, from its code.

    Parameters
    ----------
    n_modalities, width : int
    """

    def __init__(self, n_modalities: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(n_modalities))

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Map codes (n, M, d) to means and log-variances of the same shape."""
        both = torch.stack([layer(code) for layer, code in zip(self.layers, codes.unbind(1), strict=True)], dim=1)
        means, logvars = both.chunk(2, dim=2)
        return means, logvars.clamp(-LARGEST_LOGVAR, LARGEST_LOGVAR)


def product_of_gaussians(means: Tensor, logvars: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply the Gaussians of the kept modalities with the prior N(0, I): precisions add up.

    Parameters
    ----------
    means, logvars : tensor (n, M, d)
    kept : bool tensor (n, M)

    Returns
    -------
    mean, logvar : tensor (n, d)
    """
    precisions = (-logvars).exp() * kept[..., None]
    total = 1 + precisions.sum(dim=1)
    return (means * precisions).sum(dim=1) / total, -total.log()


class Decoders(nn.Module):
    """Reconstruct vectors from the latent; of sequences, their codes.

    Parameters
    ----------
    forms : sequence of (name, n_features, is_sequence)
    width : int
        Of the latent and of codes.
    """

    def __init__(self, forms: Sequence[tuple[str, int, bool]], width: int) -> None:
        super().__init__()
        self.sequences = [is_sequence for _, _, is_sequence in forms]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width if is_sequence else n_features))
            for _, n_features, is_sequence in forms
        )

    def forward(self, latent: Tensor, codes: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error of each modality over the samples that observe it, (M,); 0 if there are none.

        Parameters
        ----------
        latent : tensor (n, d)
        codes : tensor (n, M, d)
            What sequences are compared with; no gradient goes there.
        batch : Batch
        """
        parts = zip(self.layers, batch.modalities, codes.detach().unbind(1), self.sequences, strict=True)
        return torch.stack([_error(layer, latent, part, code, is_sequence) for layer, part, code, is_sequence in parts])


def _error(layer: nn.Module, latent: Tensor, part: ObservedTensor, code: Tensor, is_sequence: bool) -> Tensor:
    if not len(part.rows):
        return latent.new_zeros(())
    truth = code[part.rows] if is_sequence else part.values
    error: Tensor = (layer(latent[part.rows]) - truth).square().mean()
    return error


class GaussianLatent(nn.Module):
    """Experts by modality, their product with the prior, and decoders that read a draw from it.

    Parameters
    ----------
    forms : sequence of (name, n_features, is_sequence)
    width : int
    """

    def __init__(self, forms: Sequence[tuple[str, int, bool]], width: int) -> None:
        super().__init__()
        self.experts = GaussianExperts(len(forms), width)
        self.decoders = Decoders(forms, width)

    def forward(self, codes: Tensor, kept: Tensor, batch: Batch) -> Latent:
        """Infer the latent from the codes (n, M, d) of the modalities that are kept, bool (n, M)."""
        means, logvars = self.experts(codes)
        mean, logvar = product_of_gaussians(means, logvars, kept)
        if not self.training:
            return Latent(mean, mean, logvar, means, logvars, mean.new_zeros(codes.shape[1]))
        sample = mean + (logvar / 2).exp() * torch.randn_like(mean)
        return Latent(sample, mean, logvar, means, logvars, self.decoders(sample, codes, batch))
