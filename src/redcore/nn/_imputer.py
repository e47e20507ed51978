"""Cross-modal imputers: the code of each modality from the codes of the others, for all modalities at once."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from redcore.nn._stacked import StackedLinear
from redcore.nn._tracing import is_traced

__all__ = ["ConcatenatingImputers", "CrossModalImputer", "PooledImputers"]


LARGEST_AFFINITY = 5.0
"""Bound on affinities, far from trained ones: no gate can overflow."""


class CrossModalImputer(nn.Module):
    """Residual autoencoders, then a two-layer transition.

    Block k reads ``x_in_k = x_in_{k-1} + x_out_{k-1}``, from ``x_in = x`` and ``x_out = 0``; the transition
    reads ``x_in + x_out`` of the last block.

    Parameters
    ----------
    in_features : int
        Size of the concatenated codes of the other modalities.
    latent_dim : int
        Size of the imputed code.
    hidden : sequence of int
        Sizes of an autoencoder on its way down; it goes back up the same way.
    n_blocks : int
        Number of autoencoders; 0 leaves the transition alone.
    linear : callable
        Makes a linear layer of two sizes.
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
        entering = others
        for block in self.blocks:
            entering = entering + block(entering)
        imputed: Tensor = self.transition(entering)
        return imputed


class ConcatenatingImputers(nn.Module):
    """One `CrossModalImputer` per modality, each reading the concatenated codes of all others: O(M^2) parameters.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : sequence of int
    n_blocks : int
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
        """Impute every modality of every sample: (B, M, d) to (B, M, d).

        Outside training an imputer runs only on the samples that need it, and on as many more as the busiest imputer
        has; where nothing was imputed there are zeros. In a graph for export, which must not branch on values, all run
        on all.

        Parameters
        ----------
        codes : tensor (B, M, d)
            What the imputers may read; for a missing modality, the code that stands for missing.
        kept : bool tensor (B, M)
            Which modalities are there.
        """
        if self.training or is_traced():
            read = codes.index_select(1, self.others.flatten())
            read = read.view(*codes.shape[:2], self.others.shape[1] * codes.shape[2])
            found: Tensor = self.stacked(read)
            return found
        n_needed = int((~kept).sum(dim=0).max())
        rows = kept.long().argsort(dim=0, stable=True)[:n_needed]
        imputed = self.stacked(codes[rows[..., None], self.others].flatten(2))
        place = rows[..., None].expand_as(imputed)
        return torch.zeros_like(codes).scatter(0, place, imputed.to(codes.dtype))


class PooledImputers(nn.Module):
    """Imputers of all modalities as one set function: parameters in O(M), a fixed number of operations.

    The code of each present modality is mapped to a message. Modality m adds up the messages of the others, each
    through a gate, and maps the sum to its code: ``u_m = sum_(k present, k != m) exp(A_mk) (W_k z_k + b_k)``,
    ``g_m = V_m relu(u_m + T_m relu(u_m) + t_m) + c_m``. The affinities ``A_mk`` are a few numbers per pair of
    modalities, one for each part of a message, and start at 0. A sum, unlike a mean, tells how much there is to read.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : int
        Size of the messages.
    n_gates : int
        Parts of a message with affinities of their own; must divide `hidden`.
    """

    others: Tensor

    def __init__(self, n_modalities: int, latent_dim: int, hidden: int, n_gates: int) -> None:
        super().__init__()
        self.messages = StackedLinear(n_modalities, latent_dim, hidden)
        self.affinity = nn.Parameter(torch.zeros(n_gates, n_modalities, n_modalities))
        self.trunk = StackedLinear(n_modalities, hidden, hidden)
        self.codes = StackedLinear(n_modalities, hidden, latent_dim)
        # no modality reads itself
        self.register_buffer("others", 1 - torch.eye(n_modalities), persistent=False)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Impute every modality of every sample; see `ConcatenatingImputers.forward`. What is not kept is not read."""
        pooled = self._pool(self.messages(codes) * kept[..., None])
        imputed: Tensor = self.codes((pooled + self.trunk(pooled.relu())).relu())
        return imputed

    def _pool(self, messages: Tensor) -> Tensor:
        n, n_modalities, width = messages.shape
        gates = (self.affinity.clamp(max=LARGEST_AFFINITY).exp() * self.others).to(messages.dtype)
        n_gates, part = len(gates), width // len(gates)
        # (gate, modality, n * part): one product per gate, with the modalities first in memory as the maps want them
        parts = messages.transpose(0, 1).reshape(n_modalities, n, n_gates, part).permute(2, 0, 1, 3)
        summed = torch.bmm(gates, parts.reshape(n_gates, n_modalities, n * part))
        return (
            summed.view(n_gates, n_modalities, n, part)
            .permute(1, 2, 0, 3)
            .reshape(n_modalities, n, width)
            .transpose(0, 1)
        )


def _autoencoder(sizes: Sequence[int], linear: Callable[[int, int], nn.Module]) -> nn.Sequential:
    """LeakyReLU on the way down, ReLU on the way up, none after the last layer of either."""
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
