"""Cross-modal imputers: the code of each modality from the codes of the others, for all modalities at once."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from redcore.nn._stacked import StackedLinear
from redcore.nn._tracing import is_traced

__all__ = ["ConcatenatingImputers", "CrossModalImputer", "PooledImputers"]


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
            read = codes.index_select(1, self.others.flatten()).view(*codes.shape[:2], -1)
            found: Tensor = self.stacked(read)
            return found
        n_needed = int((~kept).sum(dim=0).max())
        rows = kept.long().argsort(dim=0, stable=True)[:n_needed]
        imputed = self.stacked(codes[rows[..., None], self.others].flatten(2))
        place = rows[..., None].expand_as(imputed)
        return torch.zeros_like(codes).scatter(0, place, imputed.to(codes.dtype))


class PooledImputers(nn.Module):
    """Imputers of all modalities as one set function: parameters in O(M), a fixed number of operations.

    The code of each present modality is mapped to a message; modality m reads the messages of the others, pooled by
    attention, which a trunk that all share transforms, and a map of its own turns into its code:
    ``g_m = V_m t(sum_(k present, k != m) a_mk (W_k z_k + b_k)) + c_m``. The attention ``a_mk`` is a softmax over the
    present others of affinities ``A_mk``, one per pair of modalities and head, learned from 0: the mean.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : int
        Size of the messages.
    n_heads : int
        Parts of a message that are pooled with affinities of their own; must divide `hidden`.
    """

    def __init__(self, n_modalities: int, latent_dim: int, hidden: int, n_heads: int = 8) -> None:
        super().__init__()
        self.messages = StackedLinear(n_modalities, latent_dim, hidden)
        self.affinity = nn.Parameter(torch.zeros(n_heads, n_modalities, n_modalities))
        self.trunk = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.ReLU())
        self.codes = StackedLinear(n_modalities, hidden, latent_dim)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Impute every modality of every sample; see `ConcatenatingImputers.forward`. What is not kept is not read."""
        imputed: Tensor = self.codes(self.trunk(self._pool(self.messages(codes), kept)))
        return imputed

    def _pool(self, messages: Tensor, kept: Tensor) -> Tensor:
        present = kept.to(messages.dtype)
        # no modality reads itself
        others = 1 - torch.eye(kept.shape[1], device=messages.device)
        attention = ((self.affinity - self.affinity.amax(dim=2, keepdim=True)).exp() * others).to(messages.dtype)
        n_heads = len(attention)
        parts = (messages * present[..., None]).view(*messages.shape[:2], n_heads, -1)
        total = torch.einsum("hmk,bk->bmh", attention, present)
        pooled = torch.einsum("hmk,bkhc->bmhc", attention, parts) / total.clamp(min=1e-12)[..., None]
        return pooled.flatten(2)


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
