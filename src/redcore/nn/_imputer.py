"""Cross-modal imputers, which predict the latent code of each modality from the codes of the others."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import gcd
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Settings, Sizes
from redcore.nn._factor import FactorImputers
from redcore.nn._stacked import StackedLinear
from redcore.nn._tracing import is_traced

__all__ = ["ConcatenatingImputers", "CrossModalImputer", "ImputerSettings", "PooledImputers"]

LARGEST_AFFINITY = 5.0
"""Upper bound on affinities, far beyond trained values, which keeps gates from overflowing."""

MANY_SAMPLES = 128
"""Smallest number of samples for which a loop over modalities is faster than the imputation of all modalities."""

GATES = 8
"""Maximum number of affinities per pair of modalities in pooled imputers."""


class ImputerSettings(Settings):
    """Architecture of the cross-modal imputers.

    Attributes
    ----------
    imputer : {"pooled", "concatenate", "factor"}, default "pooled"
        "pooled": each observed modality sends a message, a linear map of its code. An imputer reads the gated sum of
        the messages of the other modalities. The cost is linear in the number of modalities. "concatenate": an imputer
        reads the concatenated codes of all other modalities, as in the RedCore paper. The cost is quadratic.
        "factor": conditional mean of a linear-Gaussian factor model; see `FactorImputers`. RedCore then uses the
        conditional variance, too.
    imputer_hidden : int in [1, 8192], default 128
        Used by "pooled" only: size of a message.
    imputer_layers : tuple of int, default (64,)
        Used by "concatenate" only: layer sizes of the encoder of each autoencoder. The decoder mirrors them.
    imputer_blocks : int in [0, 64], default 1
        Used by "concatenate" only: number of residual autoencoders.
    imputer_factors : int in [1, 256], default 16
        Used by "factor" only: number of shared factors.
    """

    imputer: Literal["pooled", "concatenate", "factor"] = "pooled"
    imputer_hidden: Annotated[int, Field(ge=1, le=8192)] = 128
    imputer_layers: Sizes = (64,)
    imputer_blocks: Annotated[int, Field(ge=0, le=64)] = 1
    imputer_factors: Annotated[int, Field(ge=1, le=256)] = 16

    def build_imputers(self, n_modalities: int, latent_dim: int) -> nn.Module:
        """Build the imputers of all modalities, called as ``imputers(codes, kept)``."""
        if n_modalities == 1:
            return _NoImputers()
        if self.imputer == "pooled":
            return PooledImputers(n_modalities, latent_dim, self.imputer_hidden, gcd(self.imputer_hidden, GATES))
        if self.imputer == "factor":
            return FactorImputers(n_modalities, latent_dim, self.imputer_factors)
        return ConcatenatingImputers(n_modalities, latent_dim, self.imputer_layers, self.imputer_blocks)


class CrossModalImputer(nn.Module):
    """Residual autoencoders, followed by a two-layer transition network.

    The input of autoencoder k is ``x_in_k = x_in_{k-1} + x_out_{k-1}``, starting with ``x_in = x`` and ``x_out = 0``.
    The input of the transition network is ``x_in + x_out`` of the last autoencoder.

    Parameters
    ----------
    in_features : int
        Size of the concatenated codes of the other modalities.
    latent_dim : int
        Size of the imputed code.
    hidden : sequence of int
        Layer sizes of the encoder of an autoencoder. The decoder mirrors them.
    n_blocks : int
        Number of autoencoders. With 0, there is only the transition network.
    linear : callable
        Factory of linear layers, called with the input and the output size.
    """

    def __init__(
        self,
        in_features: int,
        latent_dim: int,
        hidden: Sequence[int],
        n_blocks: int,
        linear: Callable[[int, int], nn.Module] = nn.Linear,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_autoencoder([in_features, *hidden], linear) for _ in range(n_blocks))
        self.transition = nn.Sequential(linear(in_features, in_features), nn.ReLU(), linear(in_features, latent_dim))

    def forward(self, others: Tensor) -> Tensor:
        """Map (n, in_features) to the imputed code (n, latent_dim)."""
        hidden = others
        for block in self.blocks:
            hidden = hidden + block(hidden)
        imputed: Tensor = self.transition(hidden)
        return imputed


class _NoImputers(nn.Module):
    """Replacement of the imputers for a single modality: it returns the input, so that the imputation loss is 0."""

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        return codes


class ConcatenatingImputers(nn.Module):
    """One `CrossModalImputer` per modality, with the concatenated codes of all other modalities as input.

    The number of parameters is quadratic in the number of modalities.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : sequence of int
        As in `CrossModalImputer`.
    n_blocks : int
        As in `CrossModalImputer`.
    """

    others: Tensor

    def __init__(self, n_modalities: int, latent_dim: int, hidden: Sequence[int], n_blocks: int) -> None:
        in_features = (n_modalities - 1) * latent_dim
        super().__init__()
        linear = partial(StackedLinear, n_modalities)
        self.stacked = CrossModalImputer(in_features, latent_dim, hidden, n_blocks, linear)
        others = [[k for k in range(n_modalities) if k != m] for m in range(n_modalities)]
        self.register_buffer("others", torch.tensor(others), persistent=False)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return the imputed codes, (n, n_modalities, latent_dim).

        In training mode, all modalities of all samples are imputed. In evaluation mode, each imputer processes the
        samples without its modality, padded with other samples to the same number for all imputers; all other entries
        of the result are zero. In an exported graph, which cannot branch on values, everything is imputed.

        Parameters
        ----------
        codes : tensor (n, n_modalities, latent_dim)
            Input of the imputers, with a placeholder code for missing modalities.
        kept : bool tensor (n, n_modalities)
            Availability mask, True for observed modalities.
        """
        if self.training or is_traced():
            inputs = codes.index_select(1, self.others.flatten())
            inputs = inputs.view(*codes.shape[:2], self.others.shape[1] * codes.shape[2])
            all_imputed: Tensor = self.stacked(inputs)
            return all_imputed
        n_needed = int((~kept).sum(dim=0).max())
        if n_needed == 0:
            return torch.zeros_like(codes)
        rows = kept.long().argsort(dim=0, stable=True)[:n_needed]
        imputed = self.stacked(codes[rows[..., None], self.others].flatten(2))
        index = rows[..., None].expand_as(imputed)
        return torch.zeros_like(codes).scatter(0, index, imputed.to(codes.dtype))


class PooledImputers(nn.Module):
    """Imputers of all modalities as one set function with gated sum pooling.

    The code of each observed modality is mapped to a message. The imputer of modality m computes the gated sum of the
    messages of the other modalities and maps it to the imputed code:
    ``u_m = sum_(k observed, k != m) exp(A_mk) (W_k z_k + b_k)``,
    ``g_m = V_m relu(u_m + T_m relu(u_m) + t_m) + c_m``. A message has `n_gates` parts, and each part has its own
    affinity ``A_mk``, initialised to 0. Unlike a mean, a sum also encodes the number of observed modalities. The number
    of parameters is linear in the number of modalities except for the affinities, and the number of operations in
    PyTorch does not depend on it.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : int
        Size of a message.
    n_gates : int
        Number of parts of a message, each with its own affinity. It must divide `hidden`.
    n_networks : int, default 1
        Number of networks whose imputers are computed at once. Their modalities lie side by side: codes are
        (n, n_networks * n_modalities, latent_dim), and no network reads the codes of another one.
    """

    others: Tensor

    def __init__(self, n_modalities: int, latent_dim: int, hidden: int, n_gates: int, n_networks: int = 1) -> None:
        super().__init__()
        self.n_networks, n_maps = n_networks, n_networks * n_modalities
        self.messages = StackedLinear(n_maps, latent_dim, hidden)
        self.affinity = nn.Parameter(torch.zeros(n_networks * n_gates, n_modalities, n_modalities))
        self.trunk = StackedLinear(n_maps, hidden, hidden)
        self.codes = StackedLinear(n_maps, hidden, latent_dim)
        # excludes the message of the modality itself
        self.register_buffer("others", 1 - torch.eye(n_modalities), persistent=False)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return the imputed codes, (n, n_modalities, latent_dim).

        In evaluation mode, only samples with a missing modality are imputed, and in `torch.inference_mode` only missing
        modalities if there are many samples; all other entries of the result are zero.

        Parameters
        ----------
        codes : tensor (n, n_modalities, latent_dim)
        kept : bool tensor (n, n_modalities)
            Availability mask. Codes with False do not affect the result.
        """
        if self.training or is_traced():
            return self._impute(codes, kept)
        if torch.is_inference_mode_enabled() and codes.shape[0] >= MANY_SAMPLES:
            return self._impute_missing(codes, kept)
        rows = torch.nonzero(~kept.all(dim=1))[:, 0]
        if len(rows) == len(codes):
            return self._impute(codes, kept).to(codes.dtype)
        imputed = torch.zeros_like(codes)
        if len(rows):
            imputed.index_copy_(0, rows, self._impute(codes[rows], kept[rows]).to(codes.dtype))
        return imputed

    def _impute(self, codes: Tensor, kept: Tensor) -> Tensor:
        pooled = self._pool(self.messages(codes) * kept[..., None])
        imputed: Tensor = self.codes((pooled + self.trunk(pooled.relu())).relu())
        return imputed

    def _impute_missing(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Impute the missing modalities of each sample only, one modality after the other."""
        pooled = self._pool(self.messages(codes) * kept[..., None])
        imputed = torch.zeros_like(codes)
        for index in range(kept.shape[1]):
            rows = torch.nonzero(~kept[:, index])[:, 0]
            own = pooled[:, index].index_select(0, rows)
            hidden = self.trunk.one(index, own.relu()).add_(own).relu_()
            imputed[:, index].index_copy_(0, rows, self.codes.one(index, hidden).to(codes.dtype))
        return imputed

    def _pool(self, messages: Tensor) -> Tensor:
        n, n_maps, width = messages.shape
        gates = (self.affinity.clamp(max=LARGEST_AFFINITY).exp() * self.others).to(messages.dtype)
        k, m, n_gates = self.n_networks, n_maps // self.n_networks, len(gates) // self.n_networks
        # (network * gate, modality, n * part): one matrix product per gate; modalities come first in memory for
        # `StackedLinear`
        parts = messages.transpose(0, 1).reshape(k, m, n, n_gates, width // n_gates).permute(0, 3, 1, 2, 4)
        summed = torch.bmm(gates, parts.reshape(k * n_gates, m, -1))
        by_map = summed.view(k, n_gates, m, n, width // n_gates).permute(0, 2, 3, 1, 4)
        return by_map.reshape(n_maps, n, width).transpose(0, 1)


def _autoencoder(sizes: Sequence[int], linear: Callable[[int, int], nn.Module]) -> nn.Sequential:
    """Return an autoencoder with LeakyReLU in the encoder and ReLU in the decoder, both with a linear last layer."""
    down = _layers(sizes, nn.LeakyReLU, linear)
    up = _layers(sizes[::-1], nn.ReLU, linear)
    return nn.Sequential(*down, *up)


def _layers(
    sizes: Sequence[int], activation: type[nn.Module], linear: Callable[[int, int], nn.Module]
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [linear(fan_in, fan_out), activation()]
    return layers[:-1]
