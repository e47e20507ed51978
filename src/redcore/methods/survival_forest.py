"""Random survival forest on the concatenated features of all modalities, with missing values (survival only)."""

from typing import Annotated, ClassVar, Literal, cast

import numpy as np
from pydantic import Field

from redcore._settings import MethodSettings, Search
from redcore._types import AnyArray
from redcore.data import Target
from redcore.methods._base import SurvivalTableMethod, joined_trees, structured, sum_of_trees

__all__ = ["METHOD", "ForestSettings", "SurvivalForest"]

SOURCE = (
    "Ishwaran et al. (2008), Random survival forests, Annals of Applied Statistics 2(3); fitted by scikit-survival, "
    "whose splits learn the branch of missing values"
)


class ForestSettings(MethodSettings):
    """Hyperparameters of a random survival forest, with the defaults of scikit-survival.

    Attributes
    ----------
    n_estimators : int in [1, 10000], default 100
        Number of trees.
    min_samples_leaf : int >= 1, default 3
    max_features : {"sqrt", "log2", "all"}, default "sqrt"
        Number of columns from which each split is chosen.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "min_samples_leaf": Search(3, 50, log=True, whole=True),
        "max_features": Search(choices=("sqrt", "log2")),
    }

    n_estimators: Annotated[int, Field(ge=1, le=10_000)] = 100
    min_samples_leaf: Annotated[int, Field(ge=1)] = 3
    max_features: Literal["sqrt", "log2", "all"] = "sqrt"


class SurvivalForest(SurvivalTableMethod):
    """Random survival forest; the prediction is the mean of the Kaplan-Meier curves of the leaves.

    The fitted arrays contain the nodes of all trees, and the curves of the leaves at the borders of the time grid.
    """

    Settings: ClassVar[type[MethodSettings]] = ForestSettings
    supports_weights: ClassVar[bool] = True

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        from sksurv.ensemble import RandomSurvivalForest

        settings = cast(ForestSettings, self.settings)
        forest = RandomSurvivalForest(
            n_estimators=1,
            min_samples_leaf=settings.min_samples_leaf,
            max_features=None if settings.max_features == "all" else settings.max_features,
            warm_start=True,
            random_state=seed % 2**32,
        )
        trees = []
        for index in range(settings.n_estimators):
            # one tree at a time: each holds curves at all times of the training samples
            forest.set_params(n_estimators=index + 1).fit(table, structured(target), target.weights)
            tree = forest.estimators_[index].tree_
            forest.estimators_[index] = None
            borders = np.searchsorted(forest.unique_times_, target.time_grid.borders)
            curves = tree.value[tree.children_left < 0][:, borders, 1]
            trees.append((tree, curves.astype(np.float32)))
        return joined_trees(trees)

    def _predict_table(self, table: AnyArray) -> AnyArray:
        return sum_of_trees(self.table_arrays, table) / len(self.table_arrays["sizes"])


METHOD = SurvivalForest
