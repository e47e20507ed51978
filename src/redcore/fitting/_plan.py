"""Number of steps, samples per step and learning-rate schedule of a fit, as functions of the step number."""

import math
from dataclasses import dataclass

import numpy as np

from redcore._types import IntArray
from redcore.fitting._settings import TrainingSettings

__all__ = ["Plan", "Sampler"]


@dataclass(frozen=True)
class Plan:
    """Batch size, number of steps and learning-rate schedule of a fit.

    Attributes
    ----------
    batch_size, steps_per_epoch, n_steps : int
    settings : TrainingSettings
    """

    batch_size: int
    steps_per_epoch: int
    n_steps: int
    settings: TrainingSettings

    @classmethod
    def make(cls, settings: TrainingSettings, n_samples: int) -> "Plan":
        """Create the plan for `n_samples` training samples."""
        batch_size = settings.batch_size or min(256, max(16, n_samples // 16))
        steps_per_epoch = math.ceil(n_samples / batch_size)
        n_steps = settings.max_epochs * steps_per_epoch
        return cls(batch_size, steps_per_epoch, min(n_steps, settings.max_steps or n_steps), settings)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of `step`."""
        settings = self.settings
        if settings.schedule == "constant":
            return settings.learning_rate
        if settings.schedule == "cosine":
            return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))
        n_epochs = math.ceil(self.n_steps / self.steps_per_epoch)
        n_decay = round(settings.decay_fraction * n_epochs)
        epoch = step // self.steps_per_epoch
        return settings.learning_rate * (1.0 - max(0, epoch + 1 - (n_epochs - n_decay)) / (n_decay + 1))

    def ends_epoch(self, step: int) -> bool:
        """Return True if `step` is the last step of its epoch or of the fit."""
        return (step + 1) % self.steps_per_epoch == 0 or step + 1 == self.n_steps


class Sampler:
    """Random order of the training samples in each epoch.

    The order depends on the seed and the epoch only, so that a resumed fit sees the same batches.

    Parameters
    ----------
    n_samples : int
    plan : Plan
    seed : int
    """

    def __init__(self, n_samples: int, plan: Plan, seed: int) -> None:
        self.n_samples, self.plan, self.seed = n_samples, plan, seed
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)

    def rows(self, step: int) -> IntArray:
        """Return the rows of the samples in the batch of `step`."""
        epoch, index = divmod(step, self.plan.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.n_samples)
        return self._order[index * self.plan.batch_size : (index + 1) * self.plan.batch_size]
