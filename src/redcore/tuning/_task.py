"""What one trial is: fits on folds of the training samples, under the missing rates of the user's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from redcore._types import IntArray
from redcore._validation import check_known
from redcore.data import MultimodalData
from redcore.exceptions import DataError
from redcore.methods import make_method
from redcore.metrics import headline, is_lower_better, scores
from redcore.missing import ampute

__all__ = ["Task"]


Report = Callable[[int, float], None]
"""Number of folds done, and their mean score; may raise to end the trial."""


@dataclass(frozen=True, eq=False)
class Task:
    """What settings are judged by. All trials see the same folds and the same holes.

    Attributes
    ----------
    method : str
    data : MultimodalData
        Samples to train and validate on, with a target: no test samples.
    missing_rates : mapping of str to float
        What is hidden in addition to what is missing, in the training and in the validation part of every fold.
    protocol : str
    protocol_options : mapping
    preset : str, optional
    n_folds : int, default 3
        Whole groups where there are some, and by class where there are classes.
    metric : str, optional
        A score of `redcore.metrics`; default: log loss for classes, macro-F1 for labels, R2 for numbers.
    seed : int
    """

    method: str
    data: MultimodalData
    missing_rates: Mapping[str, float]
    protocol: str = "imbalanced"
    protocol_options: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    n_folds: int = 3
    metric: str | None = None
    seed: int = 0

    @property
    def chosen_metric(self) -> str:
        """The score that is looked at."""
        assert self.data.target is not None
        kind = self.data.target.kind
        return self.metric or ("nll" if kind.is_classification else headline(kind))

    @property
    def direction(self) -> str:
        """``"minimize"`` or ``"maximize"``."""
        return "minimize" if is_lower_better(self.chosen_metric) else "maximize"

    @cached_property
    def folds(self) -> list[tuple[MultimodalData, MultimodalData]]:
        """Training and validation data of every fold, with their holes."""
        return [self._holed(train, validation, n) for n, (train, validation) in enumerate(_splits(self))]

    def _holed(self, train: IntArray, validation: IntArray, number: int) -> tuple[MultimodalData, MultimodalData]:
        rng = np.random.default_rng([self.seed, number])
        parts = [
            ampute(self.data.take(rows), self.protocol, self.missing_rates, rng, options=self.protocol_options)
            for rows in (train, validation)
        ]
        return parts[0], parts[1]

    def score(self, settings: Mapping[str, Any], report: Report) -> float:
        """Fit and score fold by fold, and return the mean score."""
        found: list[float] = []
        for number, (train, validation) in enumerate(self.folds):
            method = make_method(self.method, self.preset, settings).fit(train, seed=self.seed + number)
            assert validation.target is not None
            all_scores = scores(validation.target, method.predict(validation), method.decide)
            check_known("metric", [self.chosen_metric], all_scores)
            value = all_scores[self.chosen_metric]
            if value is None:
                raise DataError(f"{self.chosen_metric} is not defined on fold {number}")
            found.append(value)
            report(number + 1, float(np.mean(found)))
        return float(np.mean(found))


def _splits(task: Task) -> list[tuple[IntArray, IntArray]]:
    data, rows = task.data, np.arange(task.data.n_samples)
    assert data.target is not None
    labels = data.target.values if data.target.is_classification else None
    n_units = data.n_samples if data.groups is None else len(np.unique(data.groups))
    if n_units < 2:
        raise DataError("tuning needs two samples (or groups) at least")
    options = {"n_splits": min(task.n_folds, n_units), "shuffle": True, "random_state": task.seed}
    # a class of one sample can be in one fold only
    by_class = labels is not None and np.bincount(labels)[np.unique(labels)].min() >= options["n_splits"]
    if data.groups is not None:
        kind = StratifiedGroupKFold if by_class else GroupKFold
        return list(kind(**options).split(rows, labels, data.groups))
    kind = StratifiedKFold if by_class else KFold
    return list(kind(**options).split(rows, labels))
