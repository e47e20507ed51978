"""What the trainer needs of a network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from redcore.nn import Batch, CodeEncoders, Objective

__all__ = ["NetworkOutput", "StepContext", "SubNetwork", "TrainableNetwork", "slices", "whole"]

SubNetwork = list[tuple[nn.Parameter, Any]]
"""Parameters, each with the index of the share of it that belongs to the sub-network."""


def whole(module: nn.Module) -> SubNetwork:
    """Return a module as a sub-network."""
    return [(parameter, ...) for parameter in module.parameters()]


def slices(module: nn.Module, place: int) -> SubNetwork:
    """Return what a stack of modules holds at `place` as a sub-network."""
    return [(parameter, place) for parameter in module.parameters()]


@dataclass(frozen=True, eq=False)
class StepContext:
    """Surroundings of one training step.

    Attributes
    ----------
    step : int
        Number of optimiser steps before this one.
    ends_epoch : bool
        Whether this step is the last of its epoch.
    total : callable
        Sum of a tensor over the processes of the fit, without a gradient.
    held_out : callable
        Returns a random batch of validation data, with its target; None without validation data.
    """

    step: int
    ends_epoch: bool = False
    total: Callable[[Tensor], Tensor] = Tensor.detach
    held_out: Callable[[], Batch | None] = lambda: None


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

    def forward(self, batch: Batch) -> Any:
        """Return a `NetworkOutput`."""
        raise NotImplementedError

    def losses(self, output: Any, batch: Batch, objective: Objective, step: int) -> Mapping[str, Tensor]:
        """Return numbers for the history; ``"loss"``, a scalar, is the one that is minimised.

        Others may be vectors with one entry per name of `names`. Where several processes share the batch, the sums over
        them are those of the whole. Called once per step, without calling submodules.
        """
        return {"loss": objective.loss(output.logits, _required(batch.target), batch.whole.n_samples)}

    def step_losses(
        self, output: Any, batch: Batch, objective: Objective, context: StepContext
    ) -> Mapping[str, Tensor]:
        """Return the losses of one training step; by default those of `losses`.

        A network whose loss has state of its own, such as adaptive weights, updates it here and not in `losses`.
        """
        return self.losses(output, batch, objective, context.step)

    def state(self) -> Mapping[str, Tensor]:
        """Return numbers of the step for the history that are no losses; they are the same in all processes."""
        return {}

    def branches(self) -> list[nn.Module]:
        """Return the encoder of each modality, sorted by name; none for networks without."""
        encoders = getattr(self, "encoders", None)
        found = encoders.encoders if isinstance(encoders, CodeEncoders) else encoders
        return list(found) if isinstance(found, nn.ModuleList) else []

    def subnetworks(self) -> list[SubNetwork]:
        """Return the parts whose gradients are clipped one by one; by default the whole network is one part."""
        return [whole(self)]


def _required(target: Tensor | None) -> Tensor:
    if target is None:
        raise ValueError("a batch for training needs a target")
    return target
