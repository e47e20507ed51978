"""What the trainer needs of a network."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from redcore.nn import Batch, CodeEncoders, Objective

__all__ = ["NetworkOutput", "SubNetwork", "TrainableNetwork", "slices", "whole"]

SubNetwork = list[tuple[nn.Parameter, Any]]
"""Parameters, each with the index of the share of it that belongs to the sub-network."""


def whole(module: nn.Module) -> SubNetwork:
    """Return a module as a sub-network."""
    return [(parameter, ...) for parameter in module.parameters()]


def slices(module: nn.Module, place: int) -> SubNetwork:
    """Return what a stack of modules holds at `place` as a sub-network."""
    return [(parameter, place) for parameter in module.parameters()]


class NetworkOutput(Protocol):
    """What a network returns for a batch; it may hold more."""

    @property
    def logits(self) -> Tensor:
        """(n_samples, n_outputs)."""
        ...

    @property
    def representation(self) -> Tensor:
        """(n_samples, width): what the logits are computed from."""
        ...


class TrainableNetwork(nn.Module):
    """A network that knows its own loss.

    Attributes
    ----------
    names : sequence of str
        What the entries of losses that are vectors are called in the history.
    """

    names: Sequence[str] = ()

    @property
    def several_processes(self) -> bool:
        """Whether processes can share a fit: what is divided by numbers of samples takes those of `Batch.whole`."""
        return False

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over the processes of a fit, without a gradient; replaced where there are some."""
        return values.detach()

    def forward(self, batch: Batch) -> Any:
        """Return a `NetworkOutput`."""
        raise NotImplementedError

    def losses(self, output: Any, batch: Batch, objective: Objective, step: int) -> Mapping[str, Tensor]:
        """Return numbers for the history; ``"loss"``, a scalar, is the one that is minimised.

        Others may be vectors with one entry per name of `names`. Where several processes share the batch, the sums over
        them are those of the whole. Called once per step, without calling submodules.
        """
        return {"loss": objective.loss(output.logits, _required(batch.target), batch.whole.n_samples)}

    def state(self) -> Mapping[str, Tensor]:
        """Return numbers of the step for the history that are no losses; they are the same in all processes."""
        return {}

    @property
    def outer_interval(self) -> int | None:
        """Steps between two outer steps, on the weights of the losses by held-out data; None for networks without."""
        return None

    def weighted_losses(self, output: Any, batch: Batch, anchor: Any = None) -> Tensor:
        """Return the losses that the outer step weighs, (n_losses,).

        What a loss takes as constant comes from `anchor`, the output of the same batch and noise before the parameters
        were moved.
        """
        raise NotImplementedError

    def outer_step(self, slopes: Tensor) -> None:
        """Step on the weights.

        Parameters
        ----------
        slopes : tensor (n_losses,)
            Inner products of the gradient of the held-out loss with that of each weighted loss: by how much the
            held-out loss falls, to first order, with a gradient step on that loss.
        """
        raise NotImplementedError

    def after_backward(self) -> None:
        """Change gradients before they are clipped; by default they stay as they are."""

    def branches(self) -> list[nn.Module]:
        """Return the encoder of each modality, sorted by name; none for networks without."""
        encoders = getattr(self, "encoders", None)
        found = encoders.encoders if isinstance(encoders, CodeEncoders) else encoders
        return list(found) if isinstance(found, nn.ModuleList) else []

    def subnetworks(self) -> list[SubNetwork]:
        """Return the parts whose gradients are clipped one by one, if asked for."""
        return [whole(self)]


def _required(target: Tensor | None) -> Tensor:
    if target is None:
        raise ValueError("a batch for training needs a target")
    return target
