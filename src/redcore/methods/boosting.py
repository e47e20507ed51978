"""Gradient-boosted trees on the concatenated features of all modalities, with native support of missing values."""

from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import Field
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from redcore._settings import Search
from redcore._types import AnyArray, FloatArray
from redcore.data import Target
from redcore.linear import linear_outputs
from redcore.methods._base import MethodSettings, TableMethod, leaves

__all__ = ["METHOD", "Boosting", "BoostingSettings"]

SOURCE = "scikit-learn's histogram gradient boosting, after LightGBM (Ke et al., NeurIPS 2017)"


class BoostingSettings(MethodSettings):
    """Hyperparameters of gradient boosting, as in scikit-learn.

    Attributes
    ----------
    learning_rate : float in (0, 1], default 0.1
    max_iter : int in [1, 10000], default 100
        Number of boosting iterations. Each iteration fits one tree per output.
    max_leaf_nodes : int in [2, 1000], default 31
    min_samples_leaf : int >= 1, default 20
    l2_regularization : float >= 0, default 0
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "learning_rate": Search(0.02, 0.3, log=True),
        "max_iter": Search(30, 500, log=True, whole=True),
        "max_leaf_nodes": Search(7, 63, log=True, whole=True),
        "min_samples_leaf": Search(5, 50, log=True, whole=True),
        "l2_regularization": Search(choices=(0.0, 0.01, 0.1, 1.0, 10.0)),
    }

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    max_iter: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_leaf_nodes: Annotated[int, Field(ge=2, le=1000)] = 31
    min_samples_leaf: Annotated[int, Field(ge=1)] = 20
    l2_regularization: Annotated[float, Field(ge=0)] = 0.0


class Boosting(TableMethod):
    """Histogram gradient boosting of scikit-learn, in which each split learns the branch of missing values.

    The fitted arrays contain the nodes of all trees. Predictions are computed from these nodes, without the
    scikit-learn object.
    """

    Settings: ClassVar[type[MethodSettings]] = BoostingSettings
    standardize: ClassVar[bool] = False

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        trees: list[tuple[int, AnyArray]] = []
        base = np.zeros(target.n_outputs)
        for outputs, model in self._models(table, target, seed):
            base[outputs] = np.broadcast_to(np.ravel(model._baseline_prediction), len(outputs))
            for iteration in model._predictors:
                trees += [(output, tree.nodes) for output, tree in zip(outputs, iteration, strict=True)]
        if target.is_classification:
            base[np.bincount(target.values, minlength=target.n_outputs) == 0] = -30.0
        return {"base": base, **_flat(trees)}

    def _models(self, table: AnyArray, target: Target, seed: int) -> list[tuple[list[int], Any]]:
        """Fit the models, and return each with the indices of its outputs."""
        weights = target.weights
        if target.kind.is_regression:
            numbers = target.values.reshape(len(table), -1)
            columns = range(numbers.shape[1])
            kind = HistGradientBoostingRegressor
            return [([k], self._make(kind, seed).fit(table, numbers[:, k], weights)) for k in columns]
        if target.kind.is_multilabel:
            labels = target.values.astype(np.int64)
            both = [k for k in range(labels.shape[1]) if len(np.unique(labels[:, k])) == 2]
            return [
                ([k], self._make(HistGradientBoostingClassifier, seed).fit(table, labels[:, k], weights)) for k in both
            ]
        classes = np.unique(target.values).tolist()
        model = self._make(HistGradientBoostingClassifier, seed).fit(table, target.values, weights)
        return [(classes[1:] if len(classes) == 2 else classes, model)]

    def _make(self, kind: type, seed: int) -> Any:
        settings = cast(BoostingSettings, self.settings).model_dump(exclude=set(MethodSettings.model_fields))
        return kind(**settings, early_stopping=False, random_state=seed)

    def _predict_table(self, table: AnyArray) -> AnyArray:
        arrays = self.table_arrays
        scores: FloatArray = np.tile(arrays["base"], (len(table), 1))
        ends = np.cumsum(arrays["sizes"])
        for output, start, end in zip(arrays["outputs"], ends - arrays["sizes"], ends, strict=True):
            nodes = {name: arrays[field][start:end] for name, field in _BRANCHES.items()}
            scores[:, output] += arrays["value"][start + leaves(nodes, table)]
        return linear_outputs(scores, self.schema.target_kind)


_FIELDS = {
    "value": np.float64,
    "feature_idx": np.int64,
    "num_threshold": np.float64,
    "missing_go_to_left": np.uint8,
    "left": np.int64,
    "right": np.int64,
    "is_leaf": np.uint8,
}

_BRANCHES = {
    "left": "left",
    "right": "right",
    "feature": "feature_idx",
    "threshold": "num_threshold",
    "missing_left": "missing_go_to_left",
}
"""Names of `leaves`, and those of the nodes of scikit-learn."""


def _flat(trees: list[tuple[int, AnyArray]]) -> dict[str, AnyArray]:
    """Return the concatenated nodes of all trees, with the number of nodes and the output index of each tree."""
    sizes = np.array([len(nodes) for _, nodes in trees], dtype=np.int64)
    outputs = np.array([output for output, _ in trees], dtype=np.int64)
    fields = {
        name: np.concatenate([nodes[name].astype(kind) for _, nodes in trees] or [np.zeros(0, dtype=kind)])
        for name, kind in _FIELDS.items()
    }
    return {"sizes": sizes, "outputs": outputs, **fields}


METHOD = Boosting
