"""Cross-modal imputer: the code of one modality from the codes of the others."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

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
    """

    def __init__(self, in_features: int, latent_dim: int, hidden: Sequence[int], n_blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_autoencoder(in_features, hidden) for _ in range(n_blocks))
        self.transition = nn.Sequential(
            nn.Linear(in_features, in_features), nn.ReLU(), nn.Linear(in_features, latent_dim)
        )

    def forward(self, others: Tensor) -> Tensor:
        """Map (n, in_features) to the imputed code (n, latent_dim)."""
        entering, leaving = others, torch.zeros_like(others)
        for block in self.blocks:
            entering = entering + leaving
            leaving = block(entering)
        imputed: Tensor = self.transition(entering + leaving)
        return imputed


class ConcatenatingImputers(nn.ModuleList):
    """One `CrossModalImputer` per modality, each reading the concatenated codes of all others: O(M^2) parameters.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : sequence of int
    n_blocks : int
    """

    def __init__(self, n_modalities: int, latent_dim: int, hidden: Sequence[int], n_blocks: int) -> None:
        in_features = (n_modalities - 1) * latent_dim
        super().__init__(CrossModalImputer(in_features, latent_dim, hidden, n_blocks) for _ in range(n_modalities))

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Impute every modality of every sample: (B, M, d) to (B, M, d).

        Outside training an imputer runs only on the samples that need it; the others get zeros. In a graph for export,
        which must not branch on values, all run on all.

        Parameters
        ----------
        codes : tensor (B, M, d)
            What the imputers may read; for a missing modality, the code that stands for missing.
        kept : bool tensor (B, M)
            Which modalities are there.
        """
        if self.training or torch.jit.is_tracing():
            return torch.stack([imputer(_others(codes, index)) for index, imputer in enumerate(self)], dim=1)
        imputed = torch.zeros_like(codes)
        for index, imputer in enumerate(self):
            missing = ~kept[:, index]
            if bool(missing.any()):
                imputed[missing, index] = imputer(_others(codes[missing], index)).to(imputed.dtype)
        return imputed


def _others(codes: Tensor, index: int) -> Tensor:
    """Concatenate the codes of all modalities but one: (B, (M - 1) * d)."""
    return torch.cat([codes[:, :index], codes[:, index + 1 :]], dim=1).flatten(1)


class PooledImputers(nn.Module):
    """Imputers of all modalities as one set function: O(M) parameters and time, a fixed number of operations.

    The code of each present modality is mapped to a message; modality m reads the mean of the messages of the others,
    which a trunk that all share transforms, and a map of its own turns into its code:
    ``g_m = V_m relu(T mean_(k present, k != m) (W_k z_k + b_k)) + c_m``.

    Parameters
    ----------
    n_modalities : int
        At least 2.
    latent_dim : int
    hidden : int
        Size of the messages.
    """

    def __init__(self, n_modalities: int, latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.message_weight, self.message_bias = _linear_maps(n_modalities, latent_dim, hidden)
        self.trunk = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.ReLU())
        self.code_weight, self.code_bias = _linear_maps(n_modalities, hidden, latent_dim)

    def forward(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Impute every modality of every sample; see `ConcatenatingImputers.forward`. What is not kept is not read."""
        present = kept[..., None].to(codes.dtype)
        messages = (torch.einsum("bmd,mdh->bmh", codes, self.message_weight) + self.message_bias) * present
        n_others = (present.sum(dim=1, keepdim=True) - present).clamp(min=1)
        pooled = (messages.sum(dim=1, keepdim=True) - messages) / n_others
        imputed: Tensor = torch.einsum("bmh,mhd->bmd", self.trunk(pooled), self.code_weight) + self.code_bias
        return imputed


def _linear_maps(n_maps: int, fan_in: int, fan_out: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Return weights and biases of several linear maps, initialised as `torch.nn.Linear` is."""
    bound = fan_in**-0.5
    weight = torch.empty(n_maps, fan_in, fan_out).uniform_(-bound, bound)
    return nn.Parameter(weight), nn.Parameter(torch.empty(n_maps, fan_out).uniform_(-bound, bound))


def _autoencoder(in_features: int, hidden: Sequence[int]) -> nn.Sequential:
    """LeakyReLU on the way down, ReLU on the way up, none after the last layer of either."""
    sizes = [in_features, *hidden]
    down = _layers(sizes, nn.LeakyReLU)
    up = _layers(sizes[::-1], nn.ReLU)
    return nn.Sequential(*down, *up)


def _layers(sizes: Sequence[int], activation: type[nn.Module]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return layers[:-1]
