"""Average of the weights of a network over the steps of its training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Polynomial-decay average of the parameters (Shamir and Zhang 2013, ICML).

    After step t, counted from 0, ``a <- a + (w - a) / (1 + share * t)``. The effective window is the latest `share` of
    the steps, so that it grows with the training and needs no scale in steps. The average is less noisy than the last
    weights, as if the learning rate had been decayed. Buffers are not averaged.

    Parameters
    ----------
    network : nn.Module
    share : float in (0, 1]

    Examples
    --------
    >>> network = nn.Linear(1, 1, bias=False)
    >>> average = WeightAverage(network, share=0.5)
    >>> for step in range(3):
    ...     _ = nn.init.constant_(network.weight, step)
    ...     average.update(step)
    >>> average.tensors[0].item()  # 0, then 0 + 1 / 1.5, then 0.667 + 1.333 / 2
    1.333...
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        self.share = share
        self._parameters: list[Tensor] = list(network.parameters())
        self.tensors: list[Tensor] = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after `step` to the average."""
        torch._foreach_lerp_(self.tensors, self._parameters, 1 / (1 + self.share * step))

    def state(self) -> dict[str, Tensor]:
        """Return the average for a checkpoint."""
        return {str(index): tensor for index, tensor in enumerate(self.tensors)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Restore the average from `state`."""
        torch._foreach_copy_(self.tensors, [state[str(index)] for index in range(len(self.tensors))])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network the average inside the block, and its own weights back after it."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self._copy(self.tensors)
        try:
            yield
        finally:
            self._copy(own)

    @torch.no_grad()
    def _copy(self, tensors: list[Tensor]) -> None:
        torch._foreach_copy_(self._parameters, tensors)
