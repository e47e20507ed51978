"""Single optimiser steps and noise-free prediction, on the device and in the precision of the settings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData
from redcore.exceptions import SettingsError
from redcore.fitting._network import StepContext, SubNetwork, TrainableNetwork
from redcore.fitting._optimizer import build_optimizer
from redcore.fitting._prediction import predict_batches
from redcore.fitting._processes import Processes
from redcore.fitting._settings import TrainingSettings
from redcore.nn import Batch, GlobalCounts, Objective, collate

__all__ = ["Stepper", "flat", "loss_names"]

CLIP_EPSILON = 1e-6
"""Added to the gradient norm, as in `torch.nn.utils.clip_grad_norm_`."""


class Stepper:
    """Network with its optimiser.

    Parameters
    ----------
    network : TrainableNetwork
    objective : Objective
    settings : TrainingSettings
    """

    def __init__(self, network: TrainableNetwork, objective: Objective, settings: TrainingSettings) -> None:
        self.network, self.objective, self.settings = network, objective, settings
        self.processes = Processes(settings)
        if self.processes.n > 1 and not network.several_processes:
            raise SettingsError(
                f"this method or its supervision-weight rule supports one process only, got {self.processes.n}"
            )
        self.fabric = self.processes.fabric
        self.optimizer = build_optimizer(_parameter_groups(network, settings.learning_rate), settings)
        self.forward: nn.Module
        self._optimizer: torch.optim.Optimizer
        self.forward, self._optimizer = self.fabric.setup(network, self.optimizer)
        self._encoders: dict[str, list[Tensor]] = {}
        self._subnetworks = network.subnetworks()

    def watch_gradients(self, names: Sequence[str]) -> None:
        """Make `step` also return the gradient norm of each encoder; `names` are the sorted modality names."""
        encoders = self.network.branches()
        self._encoders = {name: list(encoder.parameters()) for name, encoder in zip(names, encoders, strict=False)}

    def batch(self, data: MultimodalData, target: AnyArray, rows: IntArray) -> Batch:
        """Return this process's share of the samples `rows`, with their targets, on the device of the process."""
        batch = collate(data, self.processes.share(rows), target, self.fabric.device)
        if self.processes.n == 1:
            return batch
        counts = [np.count_nonzero(modality.position[rows] >= 0) for modality in data.modalities.values()]
        return batch._replace(shared=GlobalCounts(len(rows), torch.tensor(counts, device=self.fabric.device)))

    def step(
        self,
        batch: Batch,
        step: int,
        learning_rate: float | None = None,
        *,
        ends_epoch: bool = False,
        held_out: Callable[[], Batch | None] = lambda: None,
    ) -> dict[str, Tensor]:
        """Perform one optimiser step and return the losses, detached, by the names that the network gives them.

        Parameters
        ----------
        batch : Batch
            Batch with a target.
        step : int
            Number of optimiser steps before this one.
        learning_rate : float, optional
            Default: the current learning rate.
        ends_epoch : bool, default False
            If True, this step is the last of its epoch.
        held_out : callable, optional
            Returns a random batch of validation data; see `StepContext`.
        """
        self._optimizer.zero_grad(set_to_none=True)
        total = self.processes.total if self.processes.n > 1 else Tensor.detach
        context = StepContext(step, ends_epoch, total, held_out)
        losses = self.network.step_losses(self.forward(batch), batch, self.objective, context)
        values = self._sum_over_processes(losses)
        values |= {name: value.detach() for name, value in self.network.state().items()}
        # DDP averages gradients over the processes; the loss of each is a summand of the total loss
        self.fabric.backward(losses["loss"] * self.processes.n)
        return values | self.update(learning_rate)

    def update(self, learning_rate: float | None = None) -> dict[str, Tensor]:
        """Update the parameters by their gradients; return the gradient norms of the encoders, if they are watched."""
        if learning_rate is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate * group["ratio"]
        norms = {f"gradient_norm/{name}": _gradient_norm(encoder) for name, encoder in self._encoders.items()}
        if self.settings.gradient_clip is not None:
            for subnetwork in self._subnetworks:
                _clip(subnetwork, self.settings.gradient_clip)
        self._optimizer.step()
        return norms

    def _sum_over_processes(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses summed over the processes, with a single all-reduce."""
        if self.processes.n == 1:
            return {name: value.detach() for name, value in losses.items()}
        flat = [value.detach().reshape(-1).float() for value in losses.values()]
        sums = torch.split(self.processes.total(torch.cat(flat)), [len(values) for values in flat])
        return {name: total.view(value.shape) for (name, value), total in zip(losses.items(), sums, strict=True)}

    def logits(self, data: MultimodalData) -> Tensor:
        """Return the noise-free logits of all samples of `data`, then set the network to training mode."""
        n_samples = data.n_samples
        local = data if self.processes.n == 1 else data.take(self.processes.share(np.arange(n_samples)))
        outputs = [output.logits for output in predict_batches(self.forward, local, self.fabric.device)]
        self.forward.train()
        no_rows = torch.zeros((0, self.objective.n_outputs), device=self.fabric.device)
        return self.processes.gather(torch.cat(outputs) if outputs else no_rows, n_samples)


def _parameter_groups(network: TrainableNetwork, learning_rate: float) -> list[dict[str, Any]]:
    """Return the parameters to train in groups, each with the ``ratio`` of its learning rate to `learning_rate`."""
    own = network.learning_rates()
    separate = {id(parameter) for parameters in own.values() for parameter in parameters}
    shared = [parameter for parameter in network.parameters() if id(parameter) not in separate]
    groups = [(1.0, shared), *((rate / learning_rate, parameters) for rate, parameters in own.items())]
    trained = [(ratio, [parameter for parameter in group if parameter.requires_grad]) for ratio, group in groups]
    return [{"params": group, "lr": learning_rate * ratio, "ratio": ratio} for ratio, group in trained if group]


def _gradient_norm(parameters: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm of all gradients; 0 if no sample of the batch observes the modality."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if gradients:
        return torch.nn.utils.get_total_norm(gradients)
    return torch.zeros((), device=parameters[0].device if parameters else None)


def _clip(subnetwork: SubNetwork, limit: float) -> None:
    """Scale the gradients of a sub-network so that their norm is at most `limit`."""
    gradients = [parameter.grad[index] for parameter, index in subnetwork if parameter.grad is not None]
    if not gradients:
        return
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (limit / (norm + CLIP_EPSILON)).clamp(max=1.0))


def flat(losses: Mapping[str, Tensor]) -> Tensor:
    """Return all losses in one new tensor on their device, in the order of `loss_names`."""
    return torch.cat([value.detach().reshape(-1).float() for value in losses.values()])


def loss_names(losses: Mapping[str, Tensor], names: Sequence[str]) -> list[str]:
    """Return the name of each entry of `flat`: ``<loss>``, or ``<loss>/<modality>`` for the entries of a vector."""
    return [key for loss, value in losses.items() for key in _keys(loss, value, names)]


def _keys(loss: str, value: Tensor, names: Sequence[str]) -> list[str]:
    return [f"{loss}/{name}" for name in names] if value.ndim else [loss]
