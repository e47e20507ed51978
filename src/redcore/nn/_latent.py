"""Gaussian latent variable shared by the modalities of a sample (product of experts), with decoders."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from redcore.nn._batch import Batch, ObservedTensor
from redcore.nn._form import ModalityForm

__all__ = ["GaussianLatent", "Latent", "product_of_gaussians"]


class Latent(NamedTuple):
    """Posterior of a latent variable of width d for a batch of n samples with M modalities.

    Attributes
    ----------
    sample : tensor (n, d)
        Sample of the joint posterior in training mode, else its mean.
    mean, logvar : tensor (n, d)
        Joint posterior, given all observed modalities.
    means, logvars : tensor (n, M, d)
        Unimodal factors, one per modality.
    errors : tensor (M,)
        Reconstruction errors of the decoders; 0 in evaluation mode.
    """

    sample: Tensor
    mean: Tensor
    logvar: Tensor
    means: Tensor
    logvars: Tensor
    errors: Tensor


LARGEST_LOGVAR = 10.0
"""Bound on |logvar|, so that no modality dominates the product for any input."""


class GaussianExperts(nn.Module):
    """Linear layers from the code of each modality to a Gaussian factor of the latent variable.

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
    """Return the product of the Gaussian factors of the observed modalities and the prior N(0, I).

    Parameters
    ----------
    means, logvars : tensor (n, M, d)
        Factor of each modality.
    kept : bool tensor (n, M)
        Availability mask; factors with False are ignored.

    Returns
    -------
    mean, logvar : tensor (n, d)
        The precision is the sum of the precisions of the factors.
    """
    precisions = (-logvars).exp() * kept[..., None]
    total = 1 + precisions.sum(dim=1)
    return (means * precisions).sum(dim=1) / total, -total.log()


class Decoders(nn.Module):
    """Decoders of all modalities, which reconstruct vectors, or the latent codes of sequences and images.

    Parameters
    ----------
    forms : sequence of ModalityForm
    width : int
        Width of the latent variable and of the codes.
    """

    def __init__(self, forms: Sequence[ModalityForm], width: int) -> None:
        super().__init__()
        self.of_codes = [form.n_steps > 0 or form.shape is not None for form in forms]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width if of_code else form.n_features))
            for form, of_code in zip(forms, self.of_codes, strict=True)
        )

    def forward(self, latent: Tensor, codes: Tensor, batch: Batch) -> Tensor:
        """Return the mean squared error of each modality over the samples that observe it, (M,); 0 without samples.

        Parameters
        ----------
        latent : tensor (n, d)
        codes : tensor (n, M, d)
            Reconstruction targets of sequences and images; they are detached.
        batch : Batch
        """
        modalities = zip(self.layers, batch.modalities, codes.detach().unbind(1), self.of_codes, strict=True)
        errors = [_error(layer, latent, observed, code, of_code) for layer, observed, code, of_code in modalities]
        return torch.stack(errors)


def _error(layer: nn.Module, latent: Tensor, observed: ObservedTensor, code: Tensor, of_code: bool) -> Tensor:
    if not len(observed.rows):
        return latent.new_zeros(())
    truth = code[observed.rows] if of_code else observed.values
    error: Tensor = (layer(latent[observed.rows]) - truth).square().mean()
    return error


class GaussianLatent(nn.Module):
    """Gaussian experts of all modalities, their product with the prior, and decoders of a sample of the product.

    Parameters
    ----------
    forms : sequence of ModalityForm
    width : int
    """

    def __init__(self, forms: Sequence[ModalityForm], width: int) -> None:
        super().__init__()
        self.experts = GaussianExperts(len(forms), width)
        self.decoders = Decoders(forms, width)

    def forward(self, codes: Tensor, kept: Tensor, batch: Batch) -> Latent:
        """Return the posterior of the latent variable.

        Parameters
        ----------
        codes : tensor (n, M, d)
        kept : bool tensor (n, M)
            Availability mask; codes with False are ignored.
        batch : Batch
            Reconstruction targets of vectors, used in training mode.
        """
        means, logvars = self.experts(codes)
        mean, logvar = product_of_gaussians(means, logvars, kept)
        if not self.training:
            return Latent(mean, mean, logvar, means, logvars, mean.new_zeros(codes.shape[1]))
        sample = mean + (logvar / 2).exp() * torch.randn_like(mean)
        return Latent(sample, mean, logvar, means, logvars, self.decoders(sample, codes, batch))
