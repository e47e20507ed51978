"""Estimator of several targets of different kinds."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore.data import Frame, MultimodalData, Target, is_frame, risk_scores, several_targets
from redcore.estimators._base import AnyMethodEstimator
from redcore.estimators._classifier import MethodClassifier
from redcore.estimators._regressor import MethodRegressor
from redcore.estimators._survival import MethodSurvival
from redcore.exceptions import SettingsError, TargetError
from redcore.methods import Method

__all__ = ["MethodMultiTarget"]

COLUMNS_OF_X = ("n_features_in_", "feature_names_in_", "columns_")
"""Attributes that describe the columns of X."""


class MethodMultiTarget(AnyMethodEstimator):
    """Several targets of different kinds with one model. See `MultimodalEstimator` for the other parameters.

    y is a data frame or a mapping with one column of classes or numbers per target, in which None and NaN are missing
    values; or a mixed `Target`, see `redcore.data.several_targets`, which can also have labels and times to an event. A
    fit leaves out samples without a value of any target.

    scikit-learn has no convention for targets of different kinds: predictions are mappings by target. Its tools for
    single targets take the result of `estimator`.

    Parameters
    ----------
    method : str, class or Method, default "stacked"
        Name of the method, see 'redcore list methods', dotted name, subclass of `redcore.methods.Method`, or an
        unfitted method. It must support several targets.

    Attributes
    ----------
    target_names_ : list of str
        Names of the targets.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.arange(24.0)[:, None], "text": np.ones((24, 2))}
    >>> y = {"loud": ["no"] * 12 + ["yes"] * 12, "level": np.arange(24) + 0.5}
    >>> model = MethodMultiTarget("stack").fit(X, y)
    >>> {name: values.tolist() for name, values in model.predict({"audio": [[23.0]]}).items()}["loud"]
    ['yes']
    """

    def predict(self, X: Any, availability: Any = None) -> dict[str, AnyArray]:
        """Return the predictions by target.

        They are classes (n_samples,), zeros and ones (n_samples, n_labels), numbers (n_samples,) or (n_samples,
        n_outputs), or risks (n_samples,) of a time to an event.
        """
        return {name: _decoded(self.method_.of_part(name), own) for name, own in self._outputs(X, availability).items()}

    def predict_proba(self, X: Any, availability: Any = None) -> dict[str, AnyArray]:
        """Return the probabilities of the targets with classes or labels, (n_samples, n_classes)."""
        outputs = self._outputs(X, availability)
        return {part.name: outputs[part.name] for part in self.method_.schema.parts if part.classes is not None}

    def _outputs(self, X: Any, availability: Any) -> dict[str, AnyArray]:
        check_is_fitted(self)
        outputs = self.method_.predict(self._data(X, availability), empty=self.empty)
        return self.method_.schema.by_part(outputs)

    def estimator(self, name: str) -> MethodClassifier | MethodRegressor | MethodSurvival:
        """Return a fitted estimator of one target, which shares the model.

        It has all functions of estimators of a single target, such as `calibrate`, `modality_value` and the displays.

        Raises
        ------
        UnknownNameError
            If there is no such target.
        """
        check_is_fitted(self)
        view = self.method_.of_part(name)
        kind = view.schema.target_kind
        cls: Any = MethodRegressor if kind.is_regression else MethodSurvival if kind.is_survival else MethodClassifier
        single = cls(**self.get_params(deep=False))._adopt(view)
        for attribute in COLUMNS_OF_X:
            if attribute in self.__dict__:
                setattr(single, attribute, self.__dict__[attribute])
        single.missing_rates_ = getattr(self, "missing_rates_", {})
        return single  # type: ignore[no-any-return]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, availability: Any = None) -> float:
        """Return the mean over the targets of the scores of their estimators, each of its labelled samples.

        These are the accuracy, R2, or the concordance of times to an event.
        """
        check_is_fitted(self)
        data = self.method_.schema.align(self._labelled(X, y, availability, weights=sample_weight))
        assert data.target is not None
        values = []
        for name in data.target.part_names:
            if data.target.labelled(name).any():
                own = data.of_part(name)
                weights = None if own.target is None else own.target.weights
                values.append(self.estimator(name).score(own, sample_weight=weights))
        return float(np.mean(values))

    def _adopt(self, method: Method) -> Self:
        if not method.schema.target_kind.is_mixed:
            raise TargetError(
                f"expected several targets, got a {method.schema.target_kind} target; use an estimator such as "
                "RedCoreClassifier"
            )
        self.target_names_ = list(method.schema.part_names)
        return super()._adopt(method)

    def _matched(
        self, X: Any, y: Any, availability: Any, groups: Any, weights: Any, reset: bool
    ) -> tuple[MultimodalData, Any, Any]:
        """Convert X, and return it with the target and the weights in the order of its samples."""
        if reset:
            if self.unlabelled is not None:
                raise SettingsError("unlabelled: expected None, since missing values of y are samples without a label")
            self.__dict__.pop("target_names_", None)
        if y is None or isinstance(y, Target):
            data, _, weights = super()._matched(X, None, availability, groups, weights, reset)
            return data, y, weights
        names, table = _columns(y, self.id_column)
        data, columns, weights = super()._matched(X, table, availability, groups, weights, reset)
        return data, dict(zip(names, np.asarray(columns, dtype=object).T, strict=True)), weights

    def _target(self, y: Any) -> Target:
        if y is None:
            raise TargetError("requires y to be passed, but the target y is None")
        if not hasattr(self, "target_names_"):
            return y if isinstance(y, Target) else several_targets(y)
        return y if isinstance(y, Target) else self.method_.schema.target_of(y)


def _columns(y: Any, id_column: str | None) -> tuple[list[str], Any]:
    """Return the names of the targets, and their values as a frame or an array of objects (n_samples, n_targets)."""
    if isinstance(y, Mapping) and y and all(hasattr(column, "to_frame") for column in y.values()):
        # series with an index are matched by it, as the columns of a frame
        y = type(next(iter(y.values())).to_frame())(dict(y))
    if is_frame(y):
        has_ids = id_column is not None and id_column in list(getattr(y, "column_names", y.columns))
        return list(map(str, Frame.of("y", y, id_column if has_ids else None).names)), y
    if isinstance(y, Mapping) and not y:
        raise TargetError("y is an empty mapping, expected at least one target")
    if not isinstance(y, Mapping):
        raise TargetError(f"expected y as a data frame, a mapping of columns or a Target, got {type(y).__name__}")
    lengths = {str(name): len(column) for name, column in y.items()}
    table = np.empty((next(iter(lengths.values())), len(lengths)), dtype=object)
    for place, (name, column) in enumerate(y.items()):
        values = np.asarray(column)
        if values.shape != table.shape[:1]:
            raise TargetError(f"target {str(name)!r} has shape {values.shape}, expected ({len(table)},)")
        table[:, place] = values.tolist()
    return list(lengths), table


def _decoded(method: Method, outputs: AnyArray) -> AnyArray:
    """Return the predictions of one target."""
    schema = method.schema
    if schema.target_kind.is_survival:
        return risk_scores(outputs)
    if schema.classes is None:
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs
    if schema.target_kind.is_multilabel:
        return (outputs >= 0.5).astype(np.int64)
    decided: AnyArray = schema.classes[method.decide(outputs)]
    return decided
