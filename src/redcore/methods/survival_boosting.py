"""Gradient-boosted trees for the partial likelihood of Cox, with mean imputation and indicators (survival only)."""

from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import torch
from pydantic import Field

from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray
from redcore.data import Target
from redcore.methods._base import (
    SurvivalTableMethod,
    baseline_hazards,
    joined_trees,
    structured,
    sum_of_trees,
    with_missing_indicators,
)

__all__ = ["METHOD", "SurvivalBoosting", "SurvivalBoostingSettings"]

SOURCE = (
    "Ridgeway (1999), The state of boosting, Computing Science and Statistics 31; Friedman (2001), Greedy function "
    "approximation: a gradient boosting machine, Annals of Statistics 29(5); fitted by scikit-survival"
)


class SurvivalBoostingSettings(MethodSettings):
    """Hyperparameters of gradient boosting, with the defaults of scikit-survival.

    Attributes
    ----------
    learning_rate : float in (0, 1], default 0.1
    n_estimators : int in [1, 10000], default 100
        Number of trees.
    max_depth : int in [1, 100], default 3
    subsample : float in (0, 1], default 1
        Share of the samples to which each tree is fitted.
    max_features : {"sqrt", "log2", "all"}, default "all"
        Number of columns from which each split is chosen.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "learning_rate": Search(0.02, 0.3, log=True),
        "max_depth": Search(1, 5, whole=True),
        "subsample": Search(0.5, 1.0),
    }

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    n_estimators: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_depth: Annotated[int, Field(ge=1, le=100)] = 3
    subsample: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_features: Literal["sqrt", "log2", "all"] = "all"


class SurvivalBoosting(SurvivalTableMethod):
    """Log hazard ratios by gradient-boosted trees, and the baseline hazard of Breslow.

    Missing features are replaced by their mean, and each modality has a missing indicator. The fitted arrays contain
    the nodes of all trees.
    """

    Settings: ClassVar[type[MethodSettings]] = SurvivalBoostingSettings
    supports_weights: ClassVar[bool] = True

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        from sksurv.ensemble import GradientBoostingSurvivalAnalysis

        settings = cast(SurvivalBoostingSettings, self.settings)
        values = settings.model_dump(exclude=set(MethodSettings.model_fields))
        values["max_features"] = None if settings.max_features == "all" else settings.max_features
        model = GradientBoostingSurvivalAnalysis(**values, random_state=seed % 2**32)
        model.fit(self._columns(table), structured(target), sample_weight=target.weights)
        trees = [one.tree_ for one in model.estimators_[:, 0]]
        steps = [settings.learning_rate * tree.value[tree.children_left < 0][:, 0, 0] for tree in trees]
        arrays = joined_trees(list(zip(trees, steps, strict=True)))
        return {**arrays, "hazards": baseline_hazards(sum_of_trees(arrays, self._columns(table)), target)}

    def _columns(self, table: AnyArray) -> AnyArray:
        return with_missing_indicators(torch.from_numpy(table), self.widths).numpy()

    def _predict_table(self, table: AnyArray) -> AnyArray:
        log_risks = sum_of_trees(self.table_arrays, self._columns(table))
        return np.asarray(np.exp(-self.table_arrays["hazards"] * np.exp(log_risks)[:, None]))


METHOD = SurvivalBoosting
