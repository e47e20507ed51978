"""Tuning studies, which any number of workers can share and which survive killed workers."""

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from redcore._files import write_json
from redcore.exceptions import DivergenceError, RunError
from redcore.methods import make_method, method_class
from redcore.tuning._journal import Journal
from redcore.tuning._space import first_values, suggest
from redcore.tuning._task import Task

__all__ = ["Budget", "Study"]

STARTUP_TRIALS = 5
"""Number of initial trials, the defaults and random ones, which are never pruned."""

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Budget:
    """Budget of a study over all workers. The study ends when the first limit is reached.

    Attributes
    ----------
    n_trials : int, optional
        Number of trials, including pruned ones.
    cpu_seconds : float, optional
        CPU time of the trials, summed over threads. The trial that exceeds it is pruned after its current fold. The
        first trial is always completed.
    """

    n_trials: int | None = None
    cpu_seconds: float | None = None

    def allows(self, n_trials: int, cpu_seconds: float) -> bool:
        """Return True if another trial can start after `n_trials` trials with a total of `cpu_seconds`."""
        return n_trials < (self.n_trials or math.inf) and cpu_seconds < (self.cpu_seconds or math.inf)


class Study:
    """Trials of one tuning task, stored in a folder. An existing study is resumed.

    The first trial has the settings of the preset and `start`, or the defaults. With one worker, each trial depends
    only on the task and on the results of the trials before it: a resumed study equals one without interruption.

    Parameters
    ----------
    folder : Path
        Folder of ``journal.log`` and, after the first complete trial, of ``preset.json`` with the best settings.
    task : Task
    fixed : mapping, optional
        Settings with fixed values, which are not tuned.
    start : mapping, optional
        Settings of the first trial that differ from the preset or the defaults, and are tuned.

    Raises
    ------
    RunError
        If the method has no setting to tune.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        fixed: Mapping[str, Any] | None = None,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self.task, self.fixed, self.start = folder, task, dict(fixed or {}), dict(start or {})
        self.settings = make_method(task.method, task.preset, {**self.fixed, **self.start}).settings
        self.tuned = set(self.settings.search_space()) - set(self.fixed)
        if not self.tuned:
            reason = method_class(task.method).nothing_to_tune or "all of its settings are fixed"
            raise RunError(f"method {task.method!r} has no setting to tune: {reason}")
        self.journal = Journal(folder)
        self.study = optuna.create_study(
            storage=self.journal.storage(),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
            study_name="redcore",
            direction=self.task.direction,
            load_if_exists=True,
        )
        if not self.study.get_trials(deepcopy=False):
            self._enqueue_first()

    def _enqueue_first(self) -> None:
        self.study.enqueue_trial(first_values(self.settings, self.fixed), user_attrs={"first": True})

    def work(
        self,
        budget: Budget,
        worker: int = 0,
        done: Callable[[FrozenTrial], None] | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Run trials until all workers together have used up the budget.

        Parameters
        ----------
        budget : Budget
        worker : int
            Number of this worker, which seeds its sampler, so that workers draw different trials.
        done : callable, optional
            Called with each trial that this worker finishes.
        alone : bool
            If True, no other worker is running, and unfinished trials are those of killed workers.
        """
        with self.journal.worker() as name:
            self._requeue_unfinished(all_of_them=alone)
            while budget.allows(n_claimed := self._n_claimed(), spent := self.cpu_seconds()):
                started = time.process_time()
                # a sampler per trial, so that a resumed study draws the same trials
                seed = int(np.random.SeedSequence([self.task.seed, worker, n_claimed]).generate_state(1)[0])
                self.study.sampler = _sampler(seed)
                trial = self.study.ask()
                trial.set_user_attr("worker", name)
                frozen = self._run(trial, started, (budget.cpu_seconds or math.inf) - spent)
                self.write_preset()
                if done is not None:
                    done(frozen)
                self._requeue_unfinished()

    def _n_claimed(self) -> int:
        """Return the number of finished and running trials."""
        return len(self.study.get_trials(deepcopy=False, states=(*FINISHED, TrialState.RUNNING)))

    def cpu_seconds(self) -> float:
        """Return the CPU time of the finished trials, summed over threads."""
        return math.fsum(trial.user_attrs.get("cpu_seconds", 0.0) for trial in self.finished())

    def finished(self) -> list[FrozenTrial]:
        """Return the complete and the pruned trials in the order of their start."""
        trials: list[FrozenTrial] = self.study.get_trials(deepcopy=False, states=FINISHED)
        return trials

    def _requeue_unfinished(self, all_of_them: bool = False) -> None:
        """Mark the trials of killed workers as failed, and enqueue their parameters again."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            worker = trial.user_attrs.get("worker")
            if all_of_them or (worker is not None and not self.journal.is_alive(worker)):
                self._fail_and_requeue(trial)

    def _fail_and_requeue(self, trial: FrozenTrial) -> None:
        try:
            self.study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, RuntimeError):
            return  # another worker has done so
        if trial.user_attrs.get("first"):
            self._enqueue_first()
        elif set(trial.params) == self.tuned:
            self.study.enqueue_trial(trial.params)

    def _run(self, trial: optuna.Trial, started: float, cpu_seconds: float) -> FrozenTrial:
        """Run one trial. A trial counts as pruned if its loss diverges, or after `cpu_seconds` since `started`."""
        is_first = "first" in trial.user_attrs

        def report(n_folds: int, score: float) -> None:
            trial.report(score, n_folds)
            is_over = time.process_time() - started > cpu_seconds and not is_first
            if n_folds < len(self.task.folds) and (is_over or trial.should_prune()):
                raise optuna.TrialPruned

        def finish(score: float | None, state: TrialState) -> FrozenTrial:
            trial.set_user_attr("cpu_seconds", round(time.process_time() - started, 3))
            return self.study.tell(trial, score, state)

        names = first_values(self.settings, self.fixed) if is_first else self.tuned
        suggested = suggest(self.settings, trial, names)
        try:
            score = self.task.score({**self.fixed, **self.start, **suggested}, report)
        except (optuna.TrialPruned, DivergenceError):
            return finish(None, TrialState.PRUNED)
        except BaseException:
            self.study.tell(trial, state=TrialState.FAIL)
            raise
        return finish(score, TrialState.COMPLETE)

    def best(self) -> FrozenTrial | None:
        """Return the best complete trial, or None."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.study.best_trial if complete else None

    def settings_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return the settings of a trial that differ from the preset or the defaults, including fixed ones."""
        return {**self.fixed, **self.start, **trial.params}

    def write_preset(self) -> None:
        """Write the settings of the best trial so far to ``preset.json``."""
        best = self.best()
        if best is None:
            return
        content = {
            "schema_version": 1,
            "method": self.task.method,
            "settings": self.settings_of(best),
            "preset": self.task.preset,
            "metric": self.task.chosen_metric,
            "score": best.value,
            # without failed trials, so that it does not depend on interruptions
            "trial": [trial.number for trial in self.finished()].index(best.number),
        }
        write_json(self.folder / "preset.json", content)

    def counts(self) -> dict[str, int]:
        """Return the number of trials by state: complete, pruned, fail or running."""
        trials = self.study.get_trials(deepcopy=False)
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
        return {state.name.lower(): sum(trial.state == state for trial in trials) for state in states}


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        # Optuna before 5.0 calls `constant_liar` experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, constant_liar=True)
