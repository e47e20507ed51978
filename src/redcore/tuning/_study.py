"""A study: trials in a journal, shared by any number of workers, of which any may be killed."""

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
"""Trials that are drawn at random, and never pruned, before the others learn from them."""


class Study:
    """The trials of one task, in a folder.

    Parameters
    ----------
    folder : Path
        Holds ``journal.log``, and ``preset.json`` with the best settings as soon as a trial is done.
    task : Task
    fixed : mapping, optional
        Settings that are not searched.
    """

    def __init__(self, folder: Path, task: Task, fixed: Mapping[str, Any] | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.task, self.fixed = folder, task, dict(fixed or {})
        self.settings = make_method(task.method, task.preset, self.fixed).settings
        if not set(self.settings.search_space()) - set(self.fixed):
            raise RunError(f"method {task.method!r} has no setting to search")
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
        """Do trials until the study has `n_trials`, counting those of all workers.

        Parameters
        ----------
        n_trials : int
        worker : int
            Number of this worker, so that no two draw the same trials.
        done : callable, optional
            Told every trial that ends here.
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
        """Return how many trials are done or being done, after giving up those whose worker was killed."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            worker = trial.user_attrs.get("worker")
            if worker is not None and not self.journal.lives(worker):
                self._give_up(trial)
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        return len(self.study.get_trials(deepcopy=False, states=states))

    def _give_up(self, trial: FrozenTrial) -> None:
        try:
            self.study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, RuntimeError):
            return  # another worker was faster
        if trial.params:
            self.study.enqueue_trial(trial.params)

    def _run(self, trial: optuna.Trial) -> FrozenTrial:
        """Do one trial; one whose loss diverges counts as pruned."""

        def report(n_folds: int, score: float) -> None:
            trial.report(score, n_folds)
            if n_folds < len(self.task.folds) and trial.should_prune():
                raise optuna.TrialPruned

        chosen = suggest(self.settings, trial, tuple(self.fixed))
        try:
            score = self.task.score({**self.fixed, **chosen}, report)
        except (optuna.TrialPruned, DivergenceError):
            return self.study.tell(trial, state=TrialState.PRUNED)
        except BaseException:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        return self.study.tell(trial, score)

    def best(self) -> FrozenTrial | None:
        """Return the best trial that is complete; None if there is none."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.study.best_trial if complete else None

    def write_preset(self) -> None:
        """Write the best settings so far as a preset file."""
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
        """Return how many trials are complete, pruned, failed or running."""
        trials = self.study.get_trials(deepcopy=False)
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
        return {state.name.lower(): sum(trial.state == state for trial in trials) for state in states}
