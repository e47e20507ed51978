"""Tuning studies, which any number of workers can share and which survive killed workers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from redcore._files import write_json
from redcore.exceptions import DivergenceError, RunError
from redcore.methods import make_method
from redcore.tuning._journal import Journal
from redcore.tuning._space import suggest
from redcore.tuning._task import Task

__all__ = ["Study"]

STARTUP_TRIALS = 5
"""Number of initial trials, which are random and never pruned."""


class Study:
    """Trials of one tuning task, stored in a folder. An existing study is resumed.

    Parameters
    ----------
    folder : Path
        Folder of ``journal.log`` and, after the first complete trial, of ``preset.json`` with the best settings.
    task : Task
    fixed : mapping, optional
        Settings with fixed values, which are not tuned.

    Raises
    ------
    RunError
        If the method has no setting to tune.
    """

    def __init__(self, folder: Path, task: Task, fixed: Mapping[str, Any] | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.task, self.fixed = folder, task, dict(fixed or {})
        self.settings = make_method(task.method, task.preset, self.fixed).settings
        if not set(self.settings.search_space()) - set(self.fixed):
            raise RunError(f"method {task.method!r} has no setting to tune")
        self.journal = Journal(folder)
        self.study = self._open(task.seed)

    def _open(self, seed: int) -> optuna.Study:
        return optuna.create_study(
            storage=self.journal.storage(),
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
            study_name="redcore",
            direction=self.task.direction,
            load_if_exists=True,
        )

    def work(self, n_trials: int, worker: int = 0, done: Callable[[FrozenTrial], None] | None = None) -> None:
        """Run trials until the study has `n_trials` trials of all workers.

        Parameters
        ----------
        n_trials : int
        worker : int
            Number of this worker, which seeds its sampler, so that workers draw different trials.
        done : callable, optional
            Called with each trial that this worker finishes.
        """
        self.study = self._open(self.task.seed + 7919 * worker + len(self.study.trials))
        with self.journal.worker() as name:
            while self._n_claimed() < n_trials:
                trial = self.study.ask()
                trial.set_user_attr("worker", name)
                frozen = self._run(trial)
                self.write_preset()
                if done is not None:
                    done(frozen)

    def _n_claimed(self) -> int:
        """Return the number of finished and running trials, after failing the trials of killed workers."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            worker = trial.user_attrs.get("worker")
            if worker is not None and not self.journal.is_alive(worker):
                self._fail_and_requeue(trial)
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        return len(self.study.get_trials(deepcopy=False, states=states))

    def _fail_and_requeue(self, trial: FrozenTrial) -> None:
        """Mark the trial of a killed worker as failed, and enqueue its parameters again."""
        try:
            self.study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, RuntimeError):
            return  # another worker has done so
        if trial.params:
            self.study.enqueue_trial(trial.params)

    def _run(self, trial: optuna.Trial) -> FrozenTrial:
        """Run one trial. A trial whose loss diverges counts as pruned."""

        def report(n_folds: int, score: float) -> None:
            trial.report(score, n_folds)
            if n_folds < len(self.task.folds) and trial.should_prune():
                raise optuna.TrialPruned

        suggested = suggest(self.settings, trial, tuple(self.fixed))
        try:
            score = self.task.score({**self.fixed, **suggested}, report)
        except (optuna.TrialPruned, DivergenceError):
            return self.study.tell(trial, state=TrialState.PRUNED)
        except BaseException:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        return self.study.tell(trial, score)

    def best(self) -> FrozenTrial | None:
        """Return the best complete trial, or None."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.study.best_trial if complete else None

    def write_preset(self) -> None:
        """Write the settings of the best trial so far to ``preset.json``."""
        best = self.best()
        if best is None:
            return
        content = {
            "schema_version": 1,
            "method": self.task.method,
            "settings": {**self.fixed, **best.params},
            "preset": self.task.preset,
            "metric": self.task.chosen_metric,
            "score": best.value,
            "trial": best.number,
        }
        write_json(self.folder / "preset.json", content)

    def counts(self) -> dict[str, int]:
        """Return the number of trials by state: complete, pruned, fail or running."""
        trials = self.study.get_trials(deepcopy=False)
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
        return {state.name.lower(): sum(trial.state == state for trial in trials) for state in states}
