"""Training of several networks of the same architecture at once, with one forward and backward pass for all.

Small networks spend most of a step on the fixed cost of small operations, which the networks then share. Each network
has its own `Trainer`, batches, random numbers, optimiser, validation and selection of the epoch, as in a fit of its
own. The results differ from those of separate fits by rounding, which grows with the number of steps.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from redcore.exceptions import TrainingInterrupted
from redcore.fitting._checkpoint import load_checkpoint, save_checkpoint
from redcore.fitting._context import Callback
from redcore.fitting._network import StepContext
from redcore.fitting._relay import Relay
from redcore.fitting._torch_state import seeded
from redcore.fitting._trainer import Trainer
from redcore.nn import merge_batches

__all__ = ["Lockstep"]

KEPT_BYTES = 2**24
"""More than the memory of a step of networks that are trained in lockstep."""


class Lockstep:
    """Training loop of several networks.

    Parameters
    ----------
    trainers : sequence of Trainer
        Prepared trainers with a generator each, whose networks `TrainableNetwork.merge` supports.
    callbacks : sequence of Callback
        Callbacks of the fit, none of which watches weights. Those of the contexts of the trainers are not called.
    checkpoint : Path or None
        Checkpoint file of all networks.
    """

    def __init__(self, trainers: Sequence[Trainer], callbacks: Sequence[Callback], checkpoint: Path | None) -> None:
        self.trainers, self.checkpoint = trainers, checkpoint
        for trainer in trainers:
            trainer.context = replace(trainer.context, callbacks=(), checkpoint=None)
        self.relay = Relay(callbacks, trainers)
        self.request = " ".join(trainer.request for trainer in trainers)

    def fit(self) -> None:
        """Train the networks and load the weights of the selected epoch of each.

        Raises
        ------
        TrainingInterrupted, DivergenceError
            See `Trainer.fit`.
        """
        # after a large block was freed, glibc keeps the memory of a step for the next one; else the system takes it
        # back, which costs a tenth of a step
        torch.empty(KEPT_BYTES, dtype=torch.uint8)
        with seeded(0):
            try:
                self._resume()
                self._loop()
            finally:
                for trainer in self.trainers:
                    trainer.source.close()
        for trainer in self.trainers:
            trainer.finish()

    def _loop(self) -> None:
        last_save = time.monotonic()
        stops = self.relay.report()
        group: _Group | _Single | None = None
        for trainer in self.trainers:
            trainer.start()
            if any(callback.watches_gradients for callback in self.relay.callbacks):
                trainer.watch_gradients()
        while not stops and (running := [trainer for trainer in self.trainers if trainer.is_running]):
            if group is None or len(group.trainers) > len(running):
                if group is not None:
                    group.separate()
                group = _Group(running) if len(running) > 1 else _Single(running)
            group.step()
            stops = self.relay.report()
            if time.monotonic() - last_save >= running[0].settings.checkpoint_seconds:
                self._save()
                last_save = time.monotonic()
        if group is not None:
            group.separate()
        if stops:
            self._save()
            raise TrainingInterrupted(self.relay.step)

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        groups: dict[str, dict[str, Tensor]] = {}
        networks = []
        for index, trainer in enumerate(self.trainers):
            own, info = trainer.snapshot()
            groups |= {f"{index}:{name}": tensors for name, tensors in own.items()}
            networks.append(info)
        # one file, so that a killed process leaves all networks at the same step
        info = {"request": self.request, "networks": networks, "reported": self.relay.reported}
        save_checkpoint(self.checkpoint, groups, info)

    def _resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        groups, info = load_checkpoint(self.checkpoint, self.request)
        self.relay.reported = info["reported"]
        for index, (trainer, own) in enumerate(zip(self.trainers, info["networks"], strict=True)):
            prefix = f"{index}:"
            trainer.restore({name[len(prefix) :]: one for name, one in groups.items() if name.startswith(prefix)}, own)


class _Group:
    """Networks that still train, and the network that computes them at once.

    Parameters and gradients of the networks are views of those of the merged network.

    Parameters
    ----------
    trainers : sequence of Trainer
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self.trainers = trainers
        networks = [trainer.network for trainer in trainers]
        self.network = type(networks[0]).merge(networks, [trainer.generator for trainer in trainers]).train()
        self.gradients: list[Tensor] = []
        self._gradient_of: dict[nn.Parameter, Tensor] = {}
        parameters = [dict(network.named_parameters()) for network in networks]
        for name, parameter in self.network.named_parameters():
            self._share(parameter, [of_network.pop(name) for of_network in parameters])
        if parameters[0]:
            raise RuntimeError(f"the merged network lacks the parameters {', '.join(parameters[0])}")
        self._encoders = [[list(encoder.parameters()) for encoder in network.branches()] for network in networks]

    def _share(self, merged: nn.Parameter, parts: Sequence[nn.Parameter]) -> None:
        values = torch.stack([part.detach() for part in parts])
        merged.data = values.view(merged.shape)
        merged.grad = torch.zeros_like(merged)
        self.gradients.append(merged.grad)
        for part, value, gradient in zip(parts, values, merged.grad.view(values.shape), strict=True):
            part.data, part.grad = value, gradient
            self._gradient_of[part] = gradient

    def separate(self) -> None:
        """Give each network its own parameters."""
        for parameter in self._gradient_of:
            parameter.data, parameter.grad = parameter.data.clone(), None

    def step(self) -> None:
        """Train all networks for one step."""
        batches = [trainer.next_batch() for trainer in self.trainers]
        merged = merge_batches(batches)
        torch._foreach_zero_(self.gradients)
        step, objective = self.trainers[0].progress.step, self.trainers[0].objective
        losses = self.network.step_losses(self.network(merged), merged, objective, StepContext(step))  # type: ignore[arg-type]
        losses["loss"].sum().backward()  # type: ignore[no-untyped-call]
        for index, trainer in enumerate(self.trainers):
            self._skip_unused(index, [len(inputs.rows[index]) for inputs in merged.modalities])
            norms = trainer.stepper.update(trainer.plan.learning_rate(step))
            values = {name: value.detach()[index] for name, value in losses.items()}
            trainer.record({**values, **trainer.network.state(), **norms})
            trainer.end_step()

    def _skip_unused(self, network: int, n_observed: Sequence[int]) -> None:
        """Leave encoders without a sample out of the step of the optimiser, as if they had no gradient."""
        for parameters, n in zip(self._encoders[network], n_observed, strict=True):
            for parameter in parameters:
                parameter.grad = self._gradient_of[parameter] if n else None


class _Single:
    """The last network that still trains, with the random numbers of torch."""

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self.trainers = trainers
        torch.set_rng_state(trainers[0].generator.get_state())
        trainers[0].generator = torch.default_generator

    def step(self) -> None:
        """Train the network for one step."""
        self.trainers[0].step()

    def separate(self) -> None:
        """Do nothing, since the network has its own parameters."""
