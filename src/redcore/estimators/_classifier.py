"""Classifiers: classes, one per sample, or labels, several per sample."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore._validation import check_probability
from redcore.data import Target
from redcore.estimators._base import checked_target
from redcore.estimators._uncertainty import CalibratedEstimator
from redcore.exceptions import TargetError
from redcore.methods import Method

__all__ = ["MethodClassifier", "RedCoreClassifier"]


class _Classifier(ClassifierMixin, CalibratedEstimator):  # type: ignore[misc]
    """Every method as a classifier."""

    class_weight: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _target(self, y: Any) -> Target:
        y = checked_target(y)
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            return Target.from_multilabel(y)
        return Target.from_labels(y)

    def _weights(self, target: Target, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        labels = target.values
        if target.is_classification:
            labels = np.asarray(target.classes)[labels]
        weights = compute_sample_weight(self.class_weight, labels)
        return weights if sample_weight is None else weights * np.asarray(sample_weight)

    def _adopt(self, method: Method) -> Self:
        if method.schema.target_kind == "regression":
            raise TargetError("the target is a regression target; use a regressor, such as RedCoreRegressor")
        self.classes_ = method.schema.classes
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None, reject_below: float | None = None) -> AnyArray:
        """Return the class that the method decides for, (n_samples,); for labels zeros and ones, (n_samples, n_labels).

        Parameters
        ----------
        X, availability
            As in `fit`.
        reject_below : float in [0, 1], optional
            Abstain where what would be said has a lower probability: the result is then a masked array, True in its
            `mask` where nothing is said; ``.filled("unsure")`` gives abstentions a name.
        """
        probabilities = self._outputs(X, availability)
        if self.method_.schema.target_kind == "multilabel":
            said: AnyArray = (probabilities >= 0.5).astype(np.int64)
            sure = np.maximum(probabilities, 1 - probabilities)
        else:
            codes = self.method_.decide(probabilities)
            said = np.asarray(self.classes_)[codes]
            sure = probabilities[np.arange(len(codes)), codes]
        if reject_below is None:
            return said
        return np.ma.MaskedArray(said, mask=sure < check_probability("reject_below", reject_below))

    def predict_proba(self, X: Any, availability: Any = None, n_samples: int | None = None, seed: int = 0) -> AnyArray:
        """Return the probability of each class (or label), float64 (n_samples, n_classes).

        Parameters
        ----------
        X, availability
            As in `fit`.
        n_samples : int, optional
            Average over so many draws of the codes from their posterior (the bottleneck), for methods that have one;
            by default the mean codes are taken.
        seed : int
            Of these draws.
        """
        return self._outputs(X, availability, n_samples, seed)

    def predict_set(self, X: Any, availability: Any = None, coverage: float = 0.9) -> AnyArray:
        """Return which classes cannot be ruled out, bool (n_samples, n_classes), once `calibrate` was called.

        Under each missing pattern the true class is among them with probability `coverage`. A set may be empty: then
        the sample is unlike the calibration samples in that no class fits it well.
        """
        check_is_fitted(self)
        data = self._data(X, availability)
        bounds = self._bounds(data, coverage)
        return np.asarray(1 - self.method_.predict(data, empty=self.empty) <= bounds)

    def score(self, X: Any, y: Any, sample_weight: Any = None, availability: Any = None) -> float:
        """Return the accuracy."""
        return float(accuracy_score(y, self.predict(X, availability), sample_weight=sample_weight))


class RedCoreClassifier(_Classifier):
    """RedCore for classes, one per sample, or for labels, several per sample (y of zeros and ones in columns).

    See `MultimodalEstimator` for the other parameters.

    Parameters
    ----------
    class_weight : dict of class to float, "balanced" or None
        What the samples of each class count in the losses.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    n_features_in_ : int
    feature_names_in_ : array of str
        Columns of X, where it is a table.

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
        nan_rows: Any = "error",
        empty: Any = "prior",
        class_weight: Any = None,
        warm_start: bool = False,
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
            random_state=random_state,
        )
        self.class_weight = class_weight


class MethodClassifier(_Classifier):
    """Any method for classes or labels; see `RedCoreClassifier` and `MultimodalEstimator`.

    Parameters
    ----------
    method : str, default "stacked"
        'redcore list methods'.

    Attributes
    ----------
    classes_ : array
    n_features_in_ : int
    feature_names_in_ : array of str
        Columns of X, where it is a table.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.arange(8.0)[:, None], "text": np.tile([[0.0], [1.0]], (4, 1))}
    >>> MethodClassifier("late_fusion").fit(X, ["low"] * 4 + ["high"] * 4).predict({"audio": [[9.0]]})
    array(['high'], dtype='<U4')
    """

    def __init__(
        self,
        method: str = "stacked",
        *,
        preset: str = "default",
        settings: Mapping[str, Any] | None = None,
        modalities: Mapping[str, Any] | None = None,
        nan_rows: Any = "error",
        empty: Any = "prior",
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            preset,
            settings=settings,
            modalities=modalities,
            nan_rows=nan_rows,
            empty=empty,
            warm_start=warm_start,
            random_state=random_state,
        )
        self.method = method
        self.class_weight = class_weight
