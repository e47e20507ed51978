"""One optimiser step, and noise-free prediction, on whatever device and precision Fabric provides."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData
from redcore.nn import Batch, Objective, collate
from redcore.training._network import TrainableNetwork
from redcore.training._settings import TrainingSettings
from redcore.training._source import pieces

__all__ = ["Stepper", "predict_batches"]

PREDICTION_BATCH = 512
"""Samples per batch where nothing is trained: it bounds memory and changes no result beyond rounding."""


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
        self.fabric = Fabric(accelerator=settings.accelerator, devices=1, precision=settings.precision)
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
        parts = network.subnetworks() if settings.clip_scope == "subnetwork" else [network]
        self._clipped = [list(part.parameters()) for part in parts]

    def batch(self, data: MultimodalData, target: AnyArray, rows: IntArray) -> Batch:
        """Gather the samples at `rows` of `data`, and of its encoded target, on the device."""
        return collate(data, rows, target, self.fabric.device)

    def step(self, batch: Batch, step: int, learning_rate: float | None = None) -> dict[str, Tensor]:
        """Do one optimiser step and return its losses, detached.

        Parameters
        ----------
        batch : Batch
            With a target.
        step : int
            Number of steps done before.
        learning_rate : float, optional
            Default: as it is.
        """
        if learning_rate is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate
        self._optimizer.zero_grad(set_to_none=True)
        losses = self.network.losses(self.forward(batch), batch, self.objective, step)
        self.fabric.backward(losses["loss"])
        if self.settings.gradient_clip is not None:
            for parameters in self._clipped:
                torch.nn.utils.clip_grad_norm_(parameters, self.settings.gradient_clip)
        self._optimizer.step()
        return {name: value.detach() for name, value in losses.items()}

    def logits(self, data: MultimodalData) -> Tensor:
        """Predict all of `data` without noise; the network is back in training mode afterwards."""
        outputs = [output.logits for output in predict_batches(self.forward, data, self.fabric.device)]
        self.forward.train()
        return torch.cat(outputs)


def predict_batches(network: Any, data: MultimodalData, device: torch.device | None = None) -> Iterator[Any]:
    """Yield the noise-free output of a network batch by batch, in order."""
    network.eval()
    with torch.no_grad():
        for piece in pieces(data):
            for start in range(0, piece.n_samples, PREDICTION_BATCH):
                rows = np.arange(start, min(start + PREDICTION_BATCH, piece.n_samples))
                yield network(collate(piece, rows, device=device))
