"""Gaussian bottleneck: the variational information bottleneck of one modality."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from redcore.nn._stacked import StackedLinear
from redcore.nn._tracing import is_traced

__all__ = ["Gaussian", "GaussianBottleneck", "divergences", "kl_to_standard_normal", "posterior_sampling"]

LOGVAR_LIMIT = 20.0
"""Bound on |logvar|, far beyond trained values, which keeps exp(logvar) finite for any input."""


class Gaussian(NamedTuple):
    """Mean, log-variance and sample of latent codes, each (n, latent_dim) or (n, n_modalities, latent_dim)."""

    mean: Tensor
    logvar: Tensor
    sample: Tensor


class GaussianBottleneck(nn.Module):
    """Variational bottleneck ``(mu, logvar) = W h``, ``z = mu + exp(logvar / 2) * eps`` with ``eps ~ N(0, I)``.

    Parameters
    ----------
    in_features : int
    latent_dim : int
    noise : bool
        If True, eps is drawn in training mode, else it is 0. In evaluation mode ``z = mu``, except inside
        `posterior_sampling`.
    n_modalities : int, optional
        Number of bottlenecks, one per modality, that are computed in one operation. Default: a single bottleneck.
    identity : bool, default False
        If True, ``mu = h`` and ``logvar = 0`` before training, which needs ``in_features == latent_dim``. If False, W
        has the initial values of a linear layer.
    """

    sampling: bool = False

    def __init__(
        self,
        in_features: int,
        latent_dim: int,
        noise: bool = True,
        n_modalities: int | None = None,
        identity: bool = False,
    ) -> None:
        super().__init__()
        width = 2 * latent_dim
        self.project = (
            nn.Linear(in_features, width) if n_modalities is None else StackedLinear(n_modalities, in_features, width)
        )
        if identity:
            with torch.no_grad():
                self.project.bias.zero_()
                self.project.weight.copy_(torch.eye(width, in_features))
        self.noise = noise

    def forward(self, hidden: Tensor) -> Gaussian:
        """Map (n, in_features), or (n, n_modalities, in_features), to a Gaussian code.

        In `torch.inference_mode`, and while a graph is traced, only the mean is computed if it is the sample; the
        log-variance is then NaN.
        """
        samples = self.sampling or (self.training and self.noise)
        if not samples and (is_traced() or torch.is_inference_mode_enabled()):
            mean = self._mean(hidden)
            return Gaussian(mean, torch.full((), torch.nan, device=mean.device).expand(mean.shape), mean)
        mean, logvar = self.project(hidden).chunk(2, dim=-1)
        logvar = logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT)
        if not samples:
            return Gaussian(mean, logvar, mean)
        return Gaussian(mean, logvar, mean + torch.exp(logvar / 2) * self.draw(mean))

    def draw(self, mean: Tensor) -> Tensor:
        """Return standard normal noise with the shape of `mean`."""
        # not `randn_like`, which draws in memory order and is slow if the codes are not contiguous
        return torch.randn(mean.shape, dtype=mean.dtype, device=mean.device)

    def _mean(self, hidden: Tensor) -> Tensor:
        width = self.project.weight.shape[-2] // 2
        if isinstance(self.project, StackedLinear):
            mean: Tensor = self.project(hidden, width)
            return mean
        return functional.linear(hidden, self.project.weight[:width], self.project.bias[:width])


@contextmanager
def posterior_sampling(network: nn.Module) -> Iterator[None]:
    """Let all bottlenecks of a network sample their latent codes inside the block, also in evaluation mode."""
    bottlenecks = [module for module in network.modules() if isinstance(module, GaussianBottleneck)]
    for bottleneck in bottlenecks:
        bottleneck.sampling = True
    try:
        yield
    finally:
        for bottleneck in bottlenecks:
            bottleneck.sampling = False


def kl_to_standard_normal(mean: Tensor, logvar: Tensor, where: Tensor | None = None) -> Tensor:
    """Return `divergences` summed over samples.

    Parameters
    ----------
    mean, logvar : tensor (..., latent_dim)
    where : bool tensor (...), optional
        Codes that are included in the sum. Default: all.
    """
    return divergences(mean, logvar, where).sum()


def divergences(mean: Tensor, logvar: Tensor, where: Tensor | None = None) -> Tensor:
    """Return ``-(1 + logvar - mu^2 - exp(logvar))`` summed over dimensions, (...); 0 where `where` is False.

    This is twice the Kullback-Leibler divergence to N(0, I), since the released code omits the factor 1/2. The
    arguments are those of `kl_to_standard_normal`.
    """
    divergence = -(1 + logvar - mean.square() - logvar.exp()).sum(dim=-1)
    return divergence if where is None else divergence.masked_fill(~where, 0.0)
