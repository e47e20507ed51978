"""Interface between networks and the trainer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Generator, Tensor, nn

from redcore.nn import Batch, CodeEncoders, Objective

__all__ = ["NetworkOutput", "StepContext", "SubNetwork", "TrainableNetwork", "all_parameters", "slices"]

SubNetwork = list[tuple[nn.Parameter, Any]]
"""Parameters of a sub-network, each with an index that selects the entries that belong to it."""


def all_parameters(module: nn.Module) -> SubNetwork:
    """Return all parameters of a module as a sub-network."""
    return [(parameter, ...) for parameter in module.parameters()]


def slices(module: nn.Module, index: int) -> SubNetwork:
    """Return entry `index` along the first axis of all parameters of a stacked module as a sub-network."""
    return [(parameter, index) for parameter in module.parameters()]


@dataclass(frozen=True, eq=False)
class StepContext:
    """Context of one training step.

    Attributes
    ----------
    step : int
        Number of optimiser steps before this one.
    ends_epoch : bool
        If True, this step is the last of its epoch.
    total : callable
        Returns the sum of a tensor over all processes of the fit (all-reduce), detached from the graph.
    held_out : callable
        Returns a random batch of validation data, with its target; None without validation data.
    """

    step: int
    ends_epoch: bool = False
    total: Callable[[Tensor], Tensor] = Tensor.detach
    held_out: Callable[[], Batch | None] = lambda: None


class NetworkOutput(Protocol):
    """Required attributes of the output of a network; it may have others."""

    @property
    def logits(self) -> Tensor:
        """Logits, (n_samples, n_outputs)."""
        ...

    @property
    def representation(self) -> Tensor:
        """Input of the prediction head, (n_samples, width)."""
        ...


class TrainableNetwork(nn.Module):
    """Base class of networks that define their own loss.

    Attributes
    ----------
    names : sequence of str
        Names of the entries of vector-valued losses in the history, usually the modalities.
    """

    names: Sequence[str] = ()

    several_processes: bool = False
    """If True, several processes can share a fit: means are then taken with the counts of `Batch.global_counts`."""

    def forward(self, batch: Batch) -> Any:
        """Return a `NetworkOutput`."""
        raise NotImplementedError

    def losses(self, output: Any, batch: Batch, objective: Objective, step: int) -> Mapping[str, Tensor]:
        """Return the losses of a batch by name; the scalar ``"loss"`` is minimised, all are recorded in the history.

        Losses other than ``"loss"`` may be vectors with one entry per name of `names`. If several processes share the
        batch, each returns its summand: the sum over the processes is the loss of the full batch. This function is
        called once per step and must not call submodules.
        """
        return {"loss": objective.loss(output.logits, _required(batch.target), batch.global_counts.n_samples)}

    def step_losses(
        self, output: Any, batch: Batch, objective: Objective, context: StepContext
    ) -> Mapping[str, Tensor]:
        """Return the losses of one training step; the default implementation calls `losses`.

        Networks whose loss has a state, such as adaptive weights, update this state here and not in `losses`.
        """
        return self.losses(output, batch, objective, context.step)

    def state(self) -> Mapping[str, Tensor]:
        """Return other values to record in the history after each step; they must be equal in all processes."""
        return {}

    @property
    def can_be_merged(self) -> bool:
        """True if `merge` supports the architecture of this network; False by default."""
        return False

    @classmethod
    def merge(cls, networks: Sequence[Any], generators: Sequence[Generator]) -> "TrainableNetwork":
        """Return one network that computes K networks of the same architecture at once.

        Its parameters have the names of theirs and the shape of all K, stacked along the first axis and reshaped. It
        maps a `redcore.nn.MergedBatch` to losses (K,), or (K, ...), of which each is a function of the parameters of
        one network. Network k draws all random numbers from ``generators[k]``, as many as in a step of its own.
        """
        raise NotImplementedError

    def branches(self) -> list[nn.Module]:
        """Return the encoder of each modality, sorted by modality name; an empty list for networks without encoders."""
        encoders = getattr(self, "encoders", None)
        modules = encoders.encoders if isinstance(encoders, CodeEncoders) else encoders
        return list(modules) if isinstance(modules, nn.ModuleList) else []

    def learning_rates(self) -> dict[float, list[nn.Parameter]]:
        """Return the parameters of the encoders that have their own learning rate, by learning rate."""
        encoders, groups = getattr(self, "encoders", None), dict[float, list[nn.Parameter]]()
        if isinstance(encoders, CodeEncoders):
            for module, rate in zip(encoders.encoders, encoders.learning_rates, strict=True):
                if rate is not None:
                    groups.setdefault(rate, []).extend(module.parameters())
        return groups

    def subnetworks(self) -> list[SubNetwork]:
        """Return the sub-networks whose gradients are clipped separately; the default is one, with all parameters."""
        return [all_parameters(self)]


def _required(target: Tensor | None) -> Tensor:
    if target is None:
        raise ValueError("expected a batch with a target for training, got none")
    return target
