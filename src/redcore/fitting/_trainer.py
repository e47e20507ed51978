"""Training loop with validation, selection of the best epoch and checkpoints."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy, deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from redcore.data import MultimodalData
from redcore.exceptions import DivergenceError, ProcessLostError, TrainingInterrupted
from redcore.fitting._averaging import WeightAverage
from redcore.fitting._batch_source import BatchSource, batch_source
from redcore.fitting._checkpoint import load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from redcore.fitting._context import FitContext
from redcore.fitting._history import History
from redcore.fitting._network import TrainableNetwork
from redcore.fitting._plan import Plan
from redcore.fitting._settings import TrainingSettings
from redcore.fitting._stepper import Stepper, flat, loss_names
from redcore.metrics import headline, scores
from redcore.nn import Batch, Objective

__all__ = ["Trainer"]

HELD_OUT_BATCH = 256
"""Maximum number of validation samples in the batch that a training step can request."""

STEPS_BETWEEN_READS = 32
"""Steps after which the losses are copied from an accelerator, which waits for the device. On a CPU, every step."""


@dataclass
class _Progress:
    """State of the training loop that a checkpoint stores in addition to tensors."""

    step: int = 0
    best_value: float = float("inf")
    best_epoch: int = -1
    stale_epochs: int = 0
    stopped: bool = False


class Trainer:
    """Training loop of one network.

    Parameters
    ----------
    network : TrainableNetwork
        After `fit`, it has the weights of the selected epoch.
    objective : Objective
    settings : TrainingSettings
    context : FitContext
    generator : torch.Generator, optional
        Generator of the random numbers of the network, whose state is part of a checkpoint. Default: that of torch.
    """

    plan: Plan
    source: BatchSource

    def __init__(
        self,
        network: TrainableNetwork,
        objective: Objective,
        settings: TrainingSettings,
        context: FitContext,
        generator: torch.Generator | None = None,
    ) -> None:
        self.network, self.objective, self.settings, self.context = network, objective, settings, context
        self.generator = generator or torch.default_generator
        self.stepper = Stepper(network, objective, settings)
        self.history = History()
        self.progress = _Progress()
        self.read_interval = 1 if self.stepper.fabric.device.type == "cpu" else STEPS_BETWEEN_READS
        self._unread: list[tuple[int, Tensor]] = []
        self._names: list[str] = []
        self.best_weights: dict[str, Tensor] = {}
        share = settings.weight_averaging
        self.average = WeightAverage(network, share) if share else None

    def prepare(self, data: MultimodalData, validation: MultimodalData | None, request: str) -> None:
        """Set the data of the fit.

        Parameters
        ----------
        data : MultimodalData
            Preprocessed training data.
        validation : MultimodalData or None
            Preprocessed validation data to select the epoch; None keeps the last epoch.
        request : str
            Hash of the data, settings and seed of the fit. A checkpoint with another hash is rejected.
        """
        assert data.target is not None
        self.validation, self.request, self.modalities = validation, request, data.names
        self.plan = Plan.make(self.settings, data.n_samples)
        self.source = batch_source(data, self.objective.encode(data.target), self.plan, self.context.seed)

    def fit(self) -> History:
        """Train the network on the data of `prepare`, and load the weights of the selected epoch.

        Raises
        ------
        TrainingInterrupted
            If a callback stopped the fit. A checkpoint is saved before if the context has a checkpoint file.
        DivergenceError
            If the loss is not finite.
        ProcessLostError
            If another process of a distributed fit is lost.
        """
        try:
            self._resume()
            self._loop()
        finally:
            self.source.close()
        return self.finish()

    def start(self) -> None:
        """Report the start to the callbacks, after a checkpoint was restored."""
        for callback in self.context.callbacks:
            callback.on_start(self.plan.n_steps, self.progress.step)
        if any(callback.watches_gradients for callback in self.context.callbacks):
            self.watch_gradients()
        self.network.train()
        self._validate_pending_epoch()

    def watch_gradients(self) -> None:
        """Record the gradient norm of each encoder in every step."""
        self.stepper.watch_gradients(self.modalities)

    @property
    def can_share_steps(self) -> bool:
        """True if `Lockstep` can train the network together with others of the same architecture."""
        return self.stepper.processes.is_plain_cpu and self.network.can_be_merged

    @property
    def is_running(self) -> bool:
        """True if there is another training step."""
        return self.progress.step < self.plan.n_steps and not self.progress.stopped

    def next_batch(self) -> Batch:
        """Return the batch of the next step."""
        return self.stepper.batch(*self.source.locate(self.progress.step))

    def step(self) -> None:
        """Train the network for one step."""
        step = self.progress.step
        self.stepper.processes.seed(self.context.seed, step)
        batch = self.next_batch()
        with self._save_if_process_lost():
            self.record(
                self.stepper.step(
                    batch,
                    step,
                    self.plan.learning_rate(step),
                    ends_epoch=self.plan.ends_epoch(step),
                    held_out=partial(self._validation_batch, step),
                )
            )
        self.end_step()

    def end_step(self) -> None:
        """Count a step whose losses are recorded, and validate the epoch that it ends."""
        step = self.progress.step
        if self.average is not None:
            self.average.update(step)
        self.progress.step += 1
        with self._save_if_process_lost():
            if self.plan.ends_epoch(step):
                self._end_epoch(step // self.plan.steps_per_epoch)

    def finish(self) -> History:
        """Load the weights of the selected epoch, and return the history."""
        if not self.best_weights:
            self.best_weights = self._weights()
        self.network.load_state_dict(self.best_weights)
        self.history.best_epoch = self.progress.best_epoch
        return self.history

    def _loop(self) -> None:
        last_save, processes = time.monotonic(), self.stepper.processes
        self.start()
        while self.is_running:
            self.step()
            with self._save_if_process_lost():
                stop = processes.any(any(callback.should_stop() for callback in self.context.callbacks))
            if stop:
                self._save()
                raise TrainingInterrupted(self.progress.step)
            if time.monotonic() - last_save >= self.settings.checkpoint_seconds:
                self._save()
                last_save = time.monotonic()
        self._read()

    def _end_epoch(self, epoch: int) -> None:
        """Validate the epoch if there is a validation set, and pass the weights to the callbacks that watch them."""
        if self.validation is not None:
            self._validate(epoch, self.validation)
        watching = [callback for callback in self.context.callbacks if callback.watches_weights]
        if watching:
            weights = self._weights()
            for callback in watching:
                callback.on_weights(epoch, weights)

    def _validate_pending_epoch(self) -> None:
        """Validate the last epoch of a resumed fit if a process was lost during its validation."""
        step, n_validated = self.progress.step, len(self.history.epochs.get("validation_loss", ()))
        if step and self.validation is not None and self.plan.ends_epoch(step - 1):
            epoch = (step - 1) // self.plan.steps_per_epoch
            if n_validated == epoch:
                self._validate(epoch, self.validation)

    @contextmanager
    def _save_if_process_lost(self) -> Iterator[None]:
        """Save a checkpoint of the state before the block if another process of the fit is lost inside the block."""
        if self.stepper.processes.n == 1:
            yield
            return
        # buffers change before the last collective operation of the block, parameters after it
        buffers = {name: value.clone() for name, value in self.network.named_buffers()}
        try:
            yield
        except (RuntimeError, distributed.DistError) as error:
            for name, value in self.network.named_buffers():
                value.copy_(buffers[name])
            # all remaining processes have the same state; each may write the file
            self._save(any_process=True)
            raise ProcessLostError(f"a process of the fit was lost after step {self.progress.step}: {error}") from None

    def _validation_batch(self, step: int) -> Batch | None:
        """Return a random batch of validation data, drawn by (seed, step) so that a resumed fit draws the same."""
        validation = self.validation
        if validation is None:
            return None
        rng = np.random.default_rng([self.context.seed, step])
        rows = np.sort(rng.permutation(validation.n_samples)[:HELD_OUT_BATCH])
        chosen = validation.take(rows)
        assert chosen.target is not None
        return self.stepper.batch(chosen, self.objective.encode(chosen.target), np.arange(len(rows)))

    def record(self, losses: Mapping[str, Tensor]) -> None:
        """Store the losses of the present step on the device, and read all that are stored if it is time to."""
        self._names = self._names or loss_names(losses, self.network.names)
        self._unread.append((self.progress.step, flat(losses)))
        if len(self._unread) >= self.read_interval:
            self._read()

    def _read(self) -> None:
        """Copy the stored losses from the device; record them, and pass them to the callbacks."""
        unread, self._unread = self._unread, []
        if not unread:
            return
        rows = torch.stack([losses for _, losses in unread]).tolist()
        for (step, _), row in zip(unread, rows, strict=True):
            values = dict(zip(self._names, row, strict=True))
            if not abs(values["loss"]) < float("inf"):
                raise DivergenceError(
                    f"the loss is {values['loss']} at step {step}; lower learning_rate "
                    f"(now {self.settings.learning_rate}) or gradient_clip"
                )
            self.history.record_step(values)
            for callback in self.context.callbacks:
                callback.on_step(step, values)

    def _validate(self, epoch: int, validation: MultimodalData) -> None:
        """Evaluate the epoch on the validation set, and keep a copy of the weights if it is the best so far."""
        assert validation.target is not None
        self._read()
        with self._averaged():
            logits = self.stepper.logits(validation).float()
        target = torch.from_numpy(self.objective.encode(validation.target)).to(logits.device)
        values = {"validation_loss": float(self.objective.loss(logits, target))}
        criterion = values["validation_loss"]
        if self.settings.selection == "score":
            score = scores(validation.target, self.objective.outputs(logits))[headline(self.objective.kind)]
            if score is not None:  # undefined if the validation set has one class: the loss selects the epoch then
                values["validation_score"] = score
                criterion = -score
        progress = self.progress
        if criterion < progress.best_value or not self.best_weights:
            progress.best_value, progress.best_epoch, progress.stale_epochs = criterion, epoch, 0
            self.best_weights = self._weights()
        else:
            progress.stale_epochs += 1
        progress.stopped = self.settings.patience is not None and progress.stale_epochs >= self.settings.patience
        self.history.record_epoch(values)
        for callback in self.context.callbacks:
            callback.on_epoch(epoch, values)

    def _averaged(self) -> AbstractContextManager[None]:
        """Return the context in which the network has its averaged weights, if the settings ask for them."""
        return nullcontext() if self.average is None else self.average.applied()

    def _weights(self) -> dict[str, Tensor]:
        with self._averaged():
            weights = copy(self.network.state_dict())
            for name, value in weights.items():
                # `deepcopy` of a tensor copies the whole memory that it may share with other networks
                weights[name] = value.clone() if isinstance(value, Tensor) else deepcopy(value)
            return weights

    def _save(self, any_process: bool = False) -> None:
        self._read()
        if self.context.checkpoint is None or (self.stepper.processes.rank and not any_process):
            return
        groups, info = self.snapshot()
        save_checkpoint(self.context.checkpoint, groups, {"request": self.request, **info})

    def _resume(self) -> None:
        path = self.context.checkpoint
        exists = path is not None and path.exists()
        # no process may write the file before all have checked if it exists
        self.stepper.processes.wait()
        if path is not None and exists:
            self.restore(*load_checkpoint(path, self.request))

    def snapshot(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """Return the state of the fit for a checkpoint: groups of tensors, and values for JSON."""
        random_state = {"cpu": self.generator.get_state()}
        if torch.cuda.is_available() and self.generator is torch.default_generator:
            random_state |= {f"cuda{i}": torch.cuda.get_rng_state(i) for i in range(torch.cuda.device_count())}
        columns = self.history.to_arrays()
        groups = {
            "model": self.network.state_dict(),
            "best": self.best_weights,
            "optimizer": optimizer_tensors(self.stepper.optimizer),
            "average": {} if self.average is None else self.average.state(),
            "random": random_state,
            "history": {name: torch.from_numpy(column) for name, column in columns.items()},
        }
        # safetensors files do not preserve the order of tensors
        return groups, {"progress": asdict(self.progress), "columns": list(columns)}

    def restore(self, groups: Mapping[str, Mapping[str, Tensor]], info: Mapping[str, Any]) -> None:
        """Continue from the result of `snapshot`."""
        self.network.load_state_dict(groups["model"])
        restore_optimizer(self.stepper.optimizer, groups.get("optimizer", {}))
        self.best_weights = dict(groups.get("best", {}))
        if self.average is not None:
            self.average.load(groups["average"])
        self.progress = _Progress(**info["progress"])
        columns = {name: groups["history"][name].numpy() for name in info["columns"]}
        self.history = History.from_arrays(columns, self.progress.best_epoch)
        random_state = groups["random"]
        self.generator.set_state(random_state["cpu"])
        for name, state in random_state.items():
            if name.startswith("cuda") and torch.cuda.is_available():
                torch.cuda.set_rng_state(state, int(name[4:]))
