"""One optimiser step, and noise-free prediction, on whatever device and precision Fabric provides."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, chunks
from redcore.exceptions import SettingsError
from redcore.fitting._network import StepContext, SubNetwork, TrainableNetwork
from redcore.fitting._processes import Processes
from redcore.fitting._settings import TrainingSettings
from redcore.nn import Batch, Objective, Whole, collate

__all__ = ["Stepper", "numbers", "predict_batches"]

PREDICTION_BATCH = 512
"""Samples per batch where nothing is trained: it bounds memory and changes no result beyond rounding."""

CLIP_EPSILON = 1e-6
"""As in `torch.nn.utils.clip_grad_norm_`."""


class Stepper:
    """A network with its optimiser.

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
            raise SettingsError("this method, or its supervision-weight rule, trains in one process only")
        self.fabric = self.processes.fabric
        # AdamW with a weight decay of 0 is Adam
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
            eps=settings.adam_epsilon,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.forward, self._optimizer = self.fabric.setup(network, self.optimizer)
        self._branches: dict[str, list[Tensor]] = {}
        self._clipped = network.subnetworks()

    def watch_gradients(self, names: Sequence[str]) -> None:
        """Let `step` also return the gradient norm of the encoder of each modality, of these names in sorted order."""
        branches = self.network.branches()
        self._branches = {name: list(part.parameters()) for name, part in zip(names, branches, strict=False)}

    def batch(self, data: MultimodalData, target: AnyArray, rows: IntArray) -> Batch:
        """Gather this process's share of the samples at `rows` of `data`, and of its encoded target, on the device."""
        batch = collate(data, self.processes.share(rows), target, self.fabric.device)
        if self.processes.n == 1:
            return batch
        counts = [np.count_nonzero(modality.position[rows] >= 0) for modality in data.modalities.values()]
        return batch._replace(shared=Whole(len(rows), torch.tensor(counts, device=self.fabric.device)))

    def step(
        self,
        batch: Batch,
        step: int,
        learning_rate: float | None = None,
        *,
        ends_epoch: bool = False,
        held_out: Callable[[], Batch | None] = lambda: None,
    ) -> dict[str, Tensor]:
        """Do one optimiser step and return its losses, detached, as the network names them.

        Parameters
        ----------
        batch : Batch
            With a target.
        step : int
            Number of steps done before.
        learning_rate : float, optional
            Default: as it is.
        ends_epoch : bool, default False
            Whether this step is the last of its epoch.
        held_out : callable, optional
            Returns a random batch of validation data; see `StepContext`.
        """
        if learning_rate is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate
        self._optimizer.zero_grad(set_to_none=True)
        total = self.processes.total if self.processes.n > 1 else Tensor.detach
        context = StepContext(step, ends_epoch, total, held_out)
        losses = self.network.step_losses(self.forward(batch), batch, self.objective, context)
        found = self._totals(losses) | {name: value.detach() for name, value in self.network.state().items()}
        # processes average their gradients
        self.fabric.backward(losses["loss"] * self.processes.n)
        norms = {f"gradient_norm/{name}": _gradient_norm(part) for name, part in self._branches.items()}
        if self.settings.gradient_clip is not None:
            for part in self._clipped:
                _clip(part, self.settings.gradient_clip)
        self._optimizer.step()
        return found | norms

    def _totals(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses of the whole batch, with one exchange between the processes."""
        if self.processes.n == 1:
            return {name: value.detach() for name, value in losses.items()}
        parts = [value.detach().reshape(-1).float() for value in losses.values()]
        sums = torch.split(self.processes.total(torch.cat(parts)), [len(part) for part in parts])
        return {name: part.view(value.shape) for (name, value), part in zip(losses.items(), sums, strict=True)}

    def logits(self, data: MultimodalData) -> Tensor:
        """Predict all of `data` without noise; the network is back in training mode afterwards."""
        n_samples = data.n_samples
        mine = data if self.processes.n == 1 else data.take(self.processes.share(np.arange(n_samples)))
        outputs = [output.logits for output in predict_batches(self.forward, mine, self.fabric.device)]
        self.forward.train()
        own = torch.cat(outputs) if outputs else torch.zeros((0, self.objective.n_outputs), device=self.fabric.device)
        return self.processes.gather(own, n_samples)


def _gradient_norm(parameters: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm of all gradients together; 0 where no sample of the batch observed the modality."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients) if gradients else torch.zeros((), device=parameters[0].device)


def _clip(part: SubNetwork, limit: float) -> None:
    """Scale the gradients of a sub-network so that their norm is at most `limit`."""
    gradients = [parameter.grad[index] for parameter, index in part if parameter.grad is not None]
    if not gradients:
        return
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (limit / (norm + CLIP_EPSILON)).clamp(max=1.0))


def numbers(losses: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, float]:
    """Return losses as plain numbers, those of vectors as ``<loss>/<name>``; one transfer for all of them."""
    flat = torch.cat([value.detach().reshape(-1).float() for value in losses.values()]).tolist()
    labels = [f"{loss}/{name}" if value.ndim else loss for loss, value in losses.items() for name in _of(value, names)]
    return dict(zip(labels, flat, strict=True))


def _of(value: Tensor, names: Sequence[str]) -> Sequence[str]:
    return names if value.ndim else ("",)


def predict_batches(network: Any, data: MultimodalData, device: torch.device | None = None) -> Iterator[Any]:
    """Yield the noise-free output of a network batch by batch, in order."""
    network.eval()
    with torch.no_grad():
        for piece in chunks(data):
            for start in range(0, piece.n_samples, PREDICTION_BATCH):
                rows = np.arange(start, min(start + PREDICTION_BATCH, piece.n_samples))
                yield network(collate(piece, rows, device=device))
