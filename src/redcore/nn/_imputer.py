"""Cross-modal imputer: the code of one modality from the codes of the others."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["CrossModalImputer"]


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
