"""Tuning of a method for a benchmark cell, on cross-validation folds of the training split."""

from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from redcore.benchmark._cell_config import Cell
from redcore.data import MultimodalData
from redcore.runs import open_request
from redcore.tuning import Budget, Journal, Study, Task, describe

__all__ = ["tune"]

VALIDATION_PATTERNS = 4
"""Copies of each held-out sample: as many as networks use to select the epoch."""


def tune(cell: Cell, train: MultimodalData, folder: Path) -> dict[str, Any]:
    """Search the settings of the method of a cell with the budget of the cell.

    The trials are stored in ``tuning/<key>/`` of `folder`, with the key of the cell. Existing trials are not repeated.
    If several processes tune for the same cell, one of them runs the trials and the others wait.

    Parameters
    ----------
    cell : Cell
        Cell with a budget.
    train : MultimodalData
        Training split of the cell after amputation.
    folder : Path
        Folder of the benchmark.

    Returns
    -------
    dict
        JSON-compatible tuning record:

        - ``settings``: selected values of the searched settings. Settings that the first trial leaves to the method
          are absent if it is the best.
        - ``metric``, ``score``, ``first_score``: name of the validation score, and its value with the selected
          settings and in the first trial. Scores are None if no trial is complete.
        - ``searched``: search space of each setting as text; ``fixed``: settings that are not searched.
        - ``seed``, ``fold``: run whose training split was used; ``n_folds`` and ``n_patterns``: cross-validation folds
          and missing patterns per held-out sample.
        - ``spent``: ``n_trials`` and ``cpu_seconds`` of all trials.
        - ``trials``: ``settings``, ``score`` (of a pruned trial the mean over its finished folds), ``n_folds`` that
          were finished, ``state``, ``cpu_seconds`` and ``seeds`` of the fits, in the order of the trials.
    """
    spec = cell.tuning
    assert spec is not None
    path = folder / "tuning" / cell.key()
    path.mkdir(parents=True, exist_ok=True)
    method = cell.method
    start = {name: method.settings[name] for name in method.searched}
    fixed = {name: value for name, value in method.settings.items() if name not in start}
    task = Task(
        method.name,
        train,
        missing_rates=None,
        preset=method.preset,
        n_folds=spec.n_folds,
        seed=cell.seed,
        validation_patterns=VALIDATION_PATTERNS,
    )
    with Journal(path).exclusive():
        open_request(path, {"cell": cell.dump(), "training_data": train.checksum()})
        study = Study(path, task, fixed, start)
        study.work(Budget(spec.n_trials, spec.cpu_seconds), alone=True)
    return _record(cell, study)


def _record(cell: Cell, study: Study) -> dict[str, Any]:
    best, trials, task = study.best(), study.finished(), study.task
    return {
        "settings": {} if best is None else _searched_settings(study, best),
        "metric": task.chosen_metric,
        "score": None if best is None else best.value,
        "first_score": trials[0].value,
        "searched": describe(study.settings, study.fixed),
        "fixed": study.fixed,
        "seed": cell.seed,
        "fold": cell.fold,
        "n_folds": len(task.folds),
        "n_patterns": task.validation_patterns,
        "spent": {"n_trials": len(trials), "cpu_seconds": round(study.cpu_seconds(), 3)},
        "trials": [
            {
                "settings": _searched_settings(study, trial),
                "score": trial.intermediate_values[max(trial.intermediate_values)]
                if trial.intermediate_values
                else None,
                "n_folds": len(trial.intermediate_values),
                "state": trial.state.name.lower(),
                "cpu_seconds": trial.user_attrs["cpu_seconds"],
                "seeds": task.fit_seeds,
            }
            for trial in trials
        ],
    }


def _searched_settings(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    return {name: value for name, value in study.settings_of(trial).items() if name not in study.fixed}
