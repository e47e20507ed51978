"""Gaussian bottleneck: the variational information bottleneck of one modality."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Gaussian", "GaussianBottleneck", "kl_to_standard_normal", "posterior_sampling"]

LOGVAR_LIMIT = 20.0
"""Bound on |logvar|, far from any trained value: it keeps exp(logvar) finite whatever the input."""


class Gaussian(NamedTuple):
    """A sampled Gaussian code, each (n, latent_dim)."""

    mean: Tensor
    logvar: Tensor
    sample: Tensor


class GaussianBottleneck(nn.Module):
    """``(mu, logvar) = W h``, ``z = mu + exp(logvar / 2) * eps``.

    Parameters
    ----------
    in_features : int
    latent_dim : int
    noise : bool
        Whether eps is drawn in training. Outside training ``z = mu``, except under `posterior_sampling`.
    """

    sampling: bool = False

    def __init__(self, in_features: int, latent_dim: int, noise: bool = True) -> None:
        super().__init__()
        self.project = nn.Linear(in_features, 2 * latent_dim)
        self.noise = noise

    def forward(self, hidden: Tensor) -> Gaussian:
        """Map (n, in_features) to a Gaussian code."""
        mean, logvar = self.project(hidden).chunk(2, dim=1)
        logvar = logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT)
        if not (self.sampling or (self.training and self.noise)):
            return Gaussian(mean, logvar, mean)
        return Gaussian(mean, logvar, mean + torch.exp(logvar / 2) * torch.randn_like(mean))


@contextmanager
def posterior_sampling(network: nn.Module) -> Iterator[None]:
    """Let the bottlenecks of a network draw their codes inside the block, in training or not."""
    bottlenecks = [part for part in network.modules() if isinstance(part, GaussianBottleneck)]
    for bottleneck in bottlenecks:
        bottleneck.sampling = True
    try:
        yield
    finally:
        for bottleneck in bottlenecks:
            bottleneck.sampling = False


def kl_to_standard_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return ``-(1 + logvar - mu^2 - exp(logvar))`` summed over samples and dimensions.

    Twice the Kullback-Leibler divergence to N(0, I): the released code leaves the factor 1/2 out.
    """
    return -(1 + logvar - mean.square() - logvar.exp()).sum()
