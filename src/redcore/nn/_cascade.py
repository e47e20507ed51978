"""Cascade of residual autoencoders over the concatenated codes of all modalities."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["CascadeAutoencoder"]


class CascadeAutoencoder(nn.Module):
    """Cascade of residual autoencoders: the input of each is the input plus the sum of all previous outputs.

    Parameters
    ----------
    width : int
        Number of input and output features.
    hidden : sequence of int
        Layer sizes of the encoder of an autoencoder; the decoder mirrors them. Empty for one layer of size `width`.
    n_blocks : int
    transition : bool
        If True, two linear layers with a ReLU between them map the input plus the sum of all outputs to the output.
    """

    def __init__(self, width: int, hidden: Sequence[int], n_blocks: int, transition: bool = False) -> None:
        super().__init__()
        sizes = [width, *(hidden or (width,))]
        self.down = nn.ModuleList(_layers(sizes) for _ in range(n_blocks))
        self.up = nn.ModuleList(_layers(sizes[::-1]) for _ in range(n_blocks))
        self.inner = sizes[-1] * n_blocks
        self.transition = _layers([width, width, width]) if transition else None

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output, (n, width), and the concatenated bottleneck activations, (n, inner).

        The output is the sum of the outputs of all autoencoders, or that of the transition layers.
        """
        outputs, bottlenecks = torch.zeros_like(values), []
        for down, up in zip(self.down, self.up, strict=True):
            bottlenecks.append(down(values + outputs))
            outputs = outputs + up(bottlenecks[-1])
        if self.transition is not None:
            outputs = self.transition(values + outputs)
        return outputs, torch.cat(bottlenecks, dim=1)


def _layers(sizes: list[int]) -> nn.Sequential:
    return nn.Sequential(*[layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())][:-1])
