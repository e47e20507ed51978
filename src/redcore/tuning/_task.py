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
from redcore.missing import ampute, under_patterns

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
    missing_rates : mapping of str to float or None
        Missing rates with which both splits of every fold are amputed. Modalities already missing stay missing. None:
        no modality is removed.
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
    validation_patterns : int, default 1
        Number of copies of each held-out sample on which trials are scored: the sample itself, and copies in which a
        random subset of its observed modalities is hidden; see `redcore.missing.under_patterns`.
    """

    method: str
    data: MultimodalData
    missing_rates: Mapping[str, float] | None
    protocol: str = "imbalanced"
    protocol_options: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    n_folds: int = 3
    metric: str | None = None
    seed: int = 0
    validation_patterns: int = 1

    @property
    def chosen_metric(self) -> str:
        """Name of the score to optimise."""
        assert self.data.target is not None
        kind = self.data.target.kind
        proper = "ibs" if kind.is_survival else headline(kind)
        return self.metric or ("nll" if kind.is_classification else proper)

    @property
    def direction(self) -> str:
        """Direction of the optimisation, ``"minimize"`` or ``"maximize"``."""
        return "minimize" if is_lower_better(self.chosen_metric) else "maximize"

    @cached_property
    def folds(self) -> list[tuple[MultimodalData, MultimodalData]]:
        """Training and validation data of every fold, with the missing modalities of a trial."""
        n_units = count_units(self.data)
        if n_units < 2:
            raise DataError(f"tuning needs at least two samples (or groups), got {n_units}")
        # a class with fewer samples than folds is absent from some of them
        folds = cross_folds(self.data, self.n_folds, self.seed, stratify="every class")
        if not (folds >= 0).any():
            raise DataError("tuning needs a group that can be held out; every group is the only group of a class")
        return [self._fold(train, validation, n) for n, (train, validation) in enumerate(fold_rows(folds))]

    def _fold(self, train: IntArray, validation: IntArray, number: int) -> tuple[MultimodalData, MultimodalData]:
        rng = np.random.default_rng([self.seed, number])
        parts = [self.data.take(rows) for rows in (train, validation)]
        if self.missing_rates is not None:
            options = self.protocol_options
            parts = [ampute(part, self.protocol, self.missing_rates, rng, options=options) for part in parts]
        return parts[0], under_patterns(parts[1], self.validation_patterns, rng)

    @property
    def fit_seeds(self) -> list[int]:
        """Seeds of the fits of a trial, one per fold."""
        return [self.seed + number for number in range(len(self.folds))]

    def score(self, settings: Mapping[str, Any], report: Report) -> float:
        """Return the mean score over all folds; `report` is called after each fold."""
        fold_scores: list[float] = []
        for number, (train, validation) in enumerate(self.folds):
            method = make_method(self.method, self.preset, settings).fit(train, seed=self.fit_seeds[number])
            target = method.schema.align(validation).target
            assert target is not None
            all_scores = scores(target, method.predict(validation), method.decide)
            check_known("metric", [self.chosen_metric], all_scores)
            value = all_scores[self.chosen_metric]
            if value is None:
                raise DataError(f"{self.chosen_metric} is not defined on fold {number}")
            fold_scores.append(value)
            report(number + 1, float(np.mean(fold_scores)))
        return float(np.mean(fold_scores))
