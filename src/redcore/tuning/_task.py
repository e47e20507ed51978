"""Objective of a tuning trial: cross-validation on the training samples under given missing rates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from redcore._types import IntArray
from redcore._validation import check_known
from redcore.data import MultimodalData, count_units, cross_folds, fold_rows
from redcore.exceptions import DataError
from redcore.methods import make_method
from redcore.metrics import headline, is_lower_better, scores
from redcore.missing import ampute

__all__ = ["Task"]


Report = Callable[[int, float], None]
"""Receives the number of finished folds and their mean score. May raise to end the trial."""


@dataclass(frozen=True, eq=False)
class Task:
    """Cross-validation score of settings. All trials use the same folds and the same missing entries.

    Attributes
    ----------
    method : str
    data : MultimodalData
        Training and validation samples with a target, without test samples.
    missing_rates : mapping of str to float
        Missing rates with which both splits of every fold are amputed. Modalities already missing stay missing.
    protocol : str
        Missing protocol; see `redcore.missing.ampute`.
    protocol_options : mapping
    preset : str, optional
        Preset that provides the settings that are not tuned.
    n_folds : int, default 3
        Groups stay whole. Folds are stratified by class if every class has at least `n_folds` samples.
    metric : str, optional
        Score of `redcore.metrics`. Default: log loss for classes, macro-F1 for multilabel targets, R2 for regression.
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
        """Name of the score to optimise."""
        assert self.data.target is not None
        kind = self.data.target.kind
        return self.metric or ("nll" if kind.is_classification else headline(kind))

    @property
    def direction(self) -> str:
        """Direction of the optimisation, ``"minimize"`` or ``"maximize"``."""
        return "minimize" if is_lower_better(self.chosen_metric) else "maximize"

    @cached_property
    def folds(self) -> list[tuple[MultimodalData, MultimodalData]]:
        """Training and validation data of every fold after amputation."""
        n_units = count_units(self.data)
        if n_units < 2:
            raise DataError(f"tuning needs at least two samples (or groups), got {n_units}")
        # a class with fewer samples than folds is absent from some of them
        folds = cross_folds(self.data, self.n_folds, self.seed, stratify="every class")
        if not (folds >= 0).any():
            raise DataError("tuning needs a group that can be held out; every group is the only group of a class")
        return [self._amputed(train, validation, n) for n, (train, validation) in enumerate(fold_rows(folds))]

    def _amputed(self, train: IntArray, validation: IntArray, number: int) -> tuple[MultimodalData, MultimodalData]:
        rng = np.random.default_rng([self.seed, number])
        parts = [
            ampute(self.data.take(rows), self.protocol, self.missing_rates, rng, options=self.protocol_options)
            for rows in (train, validation)
        ]
        return parts[0], parts[1]

    def score(self, settings: Mapping[str, Any], report: Report) -> float:
        """Return the mean score over all folds; `report` is called after each fold."""
        fold_scores: list[float] = []
        for number, (train, validation) in enumerate(self.folds):
            method = make_method(self.method, self.preset, settings).fit(train, seed=self.seed + number)
            assert validation.target is not None
            all_scores = scores(validation.target, method.predict(validation), method.decide)
            check_known("metric", [self.chosen_metric], all_scores)
            value = all_scores[self.chosen_metric]
            if value is None:
                raise DataError(f"{self.chosen_metric} is not defined on fold {number}")
            fold_scores.append(value)
            report(number + 1, float(np.mean(fold_scores)))
        return float(np.mean(fold_scores))
