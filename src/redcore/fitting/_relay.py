"""Events of networks that train at the same time: the callbacks see one network after the other."""

from collections.abc import Sequence

from redcore.fitting._context import Callback
from redcore.fitting._trainer import Trainer

__all__ = ["Relay"]


class Relay:
    """Reports of several trainers to the callbacks of the fit, in the order of the networks.

    The steps of the first network are reported when they are made. Those of another network are reported from its
    history when the networks before it have ended, so that a resumed fit reports them, too.

    Parameters
    ----------
    callbacks : sequence of Callback
    trainers : sequence of Trainer

    Attributes
    ----------
    reported : list of int
        Number of steps of each network that the callbacks have seen.
    """

    def __init__(self, callbacks: Sequence[Callback], trainers: Sequence[Trainer]) -> None:
        self.callbacks, self.trainers = callbacks, trainers
        self.reported = [0] * len(trainers)
        self._current, self._has_started = 0, False

    @property
    def step(self) -> int:
        """Number of steps of the present network that the callbacks have seen."""
        return self.reported[self._current]

    def report(self) -> bool:
        """Report all new events; stop and return True if a callback asks to stop the fit."""
        while True:
            trainer = self.trainers[self._current]
            if not self._has_started:
                self._has_started = True
                for callback in self.callbacks:
                    callback.on_start(trainer.plan.n_steps, self.step)
            while self.step < trainer.progress.step:
                self._report_step(trainer, self.step)
                self.reported[self._current] += 1
                if any(callback.should_stop() for callback in self.callbacks):
                    return True
            if trainer.is_running or trainer is self.trainers[-1]:
                return False
            self._current, self._has_started = self._current + 1, False

    def _report_step(self, trainer: Trainer, step: int) -> None:
        history, plan = trainer.history, trainer.plan
        values = {name: column[step] for name, column in history.steps.items()}
        for callback in self.callbacks:
            callback.on_step(step, values)
        if plan.ends_epoch(step) and history.epochs:
            epoch = step // plan.steps_per_epoch
            values = {name: column[epoch] for name, column in history.epochs.items()}
            for callback in self.callbacks:
                callback.on_epoch(epoch, values)
