"""Classifiers for binary, multiclass and multilabel targets."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore._validation import check_probability
from redcore.data import Target, require_single_target, warn_of_similar
from redcore.estimators._base import checked_target
from redcore.estimators._uncertainty import CalibratedEstimator
from redcore.exceptions import TargetError
from redcore.fitting import Callback
from redcore.methods import Method, MethodLike

__all__ = ["MethodClassifier", "RedCoreClassifier"]


class _Classifier(ClassifierMixin, CalibratedEstimator):  # type: ignore[misc]
    """Base class of classifiers."""

    class_weight: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _target(self, y: Any) -> Target:
        y = checked_target(y)
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            return Target.from_multilabel(y)
        target = Target.from_labels(y)
        warn_of_similar("y", np.asarray(target.classes))
        return target

    def _weights(self, target: Target, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        labels = target.values
        if target.is_classification:
            labels = np.asarray(target.classes)[labels]
        weights = compute_sample_weight(self.class_weight, labels)
        return weights if sample_weight is None else weights * np.asarray(sample_weight)

    def _adopt(self, method: Method) -> Self:
        require_single_target(method.schema.target_kind, "a classifier")
        if method.schema.target_kind.is_regression:
            raise TargetError("expected classes, got a regression target; use a regressor such as RedCoreRegressor")
        if method.schema.target_kind.is_survival:
            raise TargetError("expected classes, got a survival target; use RedCoreSurvival or MethodSurvival")
        self.classes_ = method.schema.classes
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None, reject_below: float | None = None) -> AnyArray:
        """Return the predicted classes, (n_samples,), or zeros and ones for multilabel targets, (n_samples, n_labels).

        Rows have the order of the samples of X: for a mapping of frames, the samples of the first frame in its order,
        followed by those that occur only in later frames. ``as_data(X).sample_ids`` are their labels.

        Parameters
        ----------
        X, availability
            As in `fit`.
        reject_below : float in [0, 1], optional
            Abstain if the probability of the predicted class is below this threshold. The result is then a masked array
            with True in its `mask` for abstentions; ``.filled("unsure")`` replaces them by a label.
        """
        probabilities = self._outputs(X, availability)
        if self.method_.schema.target_kind.is_multilabel:
            predictions: AnyArray = (probabilities >= 0.5).astype(np.int64)
            confidence = np.maximum(probabilities, 1 - probabilities)
        else:
            codes = self.method_.decide(probabilities)
            predictions = np.asarray(self.classes_)[codes]
            confidence = probabilities[np.arange(len(codes)), codes]
        if reject_below is None:
            return predictions
        return np.ma.MaskedArray(predictions, mask=confidence < check_probability("reject_below", reject_below))

    def predict_proba(self, X: Any, availability: Any = None, n_samples: int | None = None, seed: int = 0) -> AnyArray:
        """Return the probability of each class or label, float64 (n_samples, n_classes).

        Parameters
        ----------
        X, availability
            As in `fit`.
        n_samples : int, optional
            Number of posterior samples of the latent codes over which the probabilities are averaged, for methods with
            a posterior. Default: use the posterior mean of the codes.
        seed : int
            Seed of the posterior samples.
        """
        return self._outputs(X, availability, n_samples, seed)

    def predict_set(self, X: Any, availability: Any = None, coverage: float = 0.9) -> AnyArray:
        """Return conformal prediction sets, bool (n_samples, n_classes), with True for the classes in the set.

        For each missing pattern, the set contains the true class with probability `coverage`. It is empty if no class
        is plausible compared with the calibration set. `calibrate` must be called before.
        """
        check_is_fitted(self)
        data = self._data(X, availability)
        bounds = self._bounds(data, coverage)
        return np.asarray(1 - self.method_.predict(data, empty=self.empty) <= bounds)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, availability: Any = None) -> float:
        """Return the accuracy. y is optional if X is MultimodalData with a target."""
        data, y, weights = self._scored(X, y, sample_weight, availability)
        return float(accuracy_score(y, self.predict(data), sample_weight=weights))


class RedCoreClassifier(_Classifier):
    """RedCore for binary, multiclass and multilabel targets (y with columns of zeros and ones).

    See `MultimodalEstimator` for the other parameters.

    Parameters
    ----------
    class_weight : dict of class to float, "balanced" or None
        Weights of the classes in the losses.

    Attributes
    ----------
    classes_ : array
        Sorted classes.
    n_features_in_ : int
        Number of columns of X, if X is a table.
    feature_names_in_ : array of str
        Column names of X, if X is a DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["off", "on"], 40)
    >>> audio = rng.normal(size=(80, 3)) + (y == "on")[:, None]
    >>> text = rng.normal(size=(80, 5)) - 2.0 * (y == "on")[:, None]
    >>> text[::3] = np.nan                                  # missing in every third sample
    >>> model = RedCoreClassifier(settings={"max_epochs": 20}, random_state=0).fit({"audio": audio, "text": text}, y)
    >>> model.predict({"audio": audio[:1], "text": text[1:2]}).shape
    (1,)
    >>> sorted(model.supervision_weights_)
    ['audio', 'text']
    """

    def __init__(
        self,
        preset: str = "default",
        *,
        settings: Mapping[str, Any] | None = None,
        modalities: Mapping[str, Any] | None = None,
        encoders: Mapping[str, Any] | None = None,
        nan_rows: Any = "keep",
        empty: Any = "prior",
        class_weight: Any = None,
        warm_start: bool = False,
        id_column: str | None = None,
        text: Any = None,
        callbacks: Sequence[Callback] = (),
        unlabelled: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            preset,
            settings=settings,
            modalities=modalities,
            encoders=encoders,
            nan_rows=nan_rows,
            empty=empty,
            warm_start=warm_start,
            id_column=id_column,
            text=text,
            callbacks=callbacks,
            unlabelled=unlabelled,
            verbose=verbose,
            random_state=random_state,
        )
        self.class_weight = class_weight


class MethodClassifier(_Classifier):
    """Classifier with any method. See `RedCoreClassifier` and `MultimodalEstimator` for the other parameters.

    Parameters
    ----------
    method : str, class or Method, default "stacked"
        Name of the method, see 'redcore list methods', dotted name, subclass of `redcore.methods.Method`, or an
        unfitted method.

    Attributes
    ----------
    classes_ : array
        Sorted classes.
    n_features_in_ : int
        Number of columns of X, if X is a table.
    feature_names_in_ : array of str
        Column names of X, if X is a DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.arange(8.0)[:, None], "text": np.tile([[0.0], [1.0]], (4, 1))}
    >>> MethodClassifier("late_fusion").fit(X, ["low"] * 4 + ["high"] * 4).predict({"audio": [[9.0]]})
    array(['high'], dtype='<U4')
    """

    def __init__(
        self,
        method: MethodLike = "stacked",
        *,
        preset: str = "default",
        settings: Mapping[str, Any] | None = None,
        modalities: Mapping[str, Any] | None = None,
        encoders: Mapping[str, Any] | None = None,
        nan_rows: Any = "keep",
        empty: Any = "prior",
        class_weight: Any = None,
        warm_start: bool = False,
        id_column: str | None = None,
        text: Any = None,
        callbacks: Sequence[Callback] = (),
        unlabelled: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            preset,
            settings=settings,
            modalities=modalities,
            encoders=encoders,
            nan_rows=nan_rows,
            empty=empty,
            warm_start=warm_start,
            id_column=id_column,
            text=text,
            callbacks=callbacks,
            unlabelled=unlabelled,
            verbose=verbose,
            random_state=random_state,
        )
        self.method = method
        self.class_weight = class_weight
