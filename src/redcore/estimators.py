"""scikit-learn estimators: `fit`, `predict`, `score` and `transform` on modalities with holes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore._validation import NanPolicy, check_known
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, TargetError
from redcore.methods import make_method
from redcore.training import History, Method

__all__ = ["MultimodalEstimator", "RedCoreClassifier", "RedCoreRegressor", "as_data"]

SINGLE_MODALITY = "features"
"""Name of the one modality of a two-dimensional X without `modalities`."""


def as_data(
    X: Any,
    target: Target | None = None,
    *,
    modalities: Mapping[str, Any] | None = None,
    availability: Any = None,
    groups: Any = None,
    nan_rows: NanPolicy = "error",
) -> MultimodalData:
    """Turn what users hold into `MultimodalData`.

    Parameters
    ----------
    X : mapping, 2-D array, DataFrame or MultimodalData
        A mapping of modality name to array or list (a row of NaN, or None in a list, is missing); or a table
        whose columns `modalities` assigns.
    target : Target, optional
    modalities : mapping of str to columns, optional
        For a table: per modality a slice, a list of column numbers, or (DataFrame) of column names.
    availability : bool array (n_samples, n_modalities) or mapping, optional
        True = observed, columns in the order of the modalities given.
    groups : array (n_samples,), optional
    nan_rows : {"error", "missing"}
        What a NaN inside an otherwise observed row means.
    """
    if isinstance(X, MultimodalData):
        return _from_data(X, target, availability, groups)
    if isinstance(X, Mapping):
        arrays = dict(X)
    elif modalities is not None:
        arrays = {name: _columns(X, name, columns) for name, columns in modalities.items()}
    else:
        arrays = {SINGLE_MODALITY: X}
    return MultimodalData.from_arrays(arrays, target, availability=availability, groups=groups, nan_rows=nan_rows)


def _from_data(data: MultimodalData, target: Target | None, availability: Any, groups: Any) -> MultimodalData:
    if groups is not None or (target is not None and len(target.values) != data.n_samples):
        raise DataError("X is MultimodalData: groups belong in it, and y must have one entry per sample")
    data = data if availability is None else data.hide(availability)
    return data if target is None else MultimodalData(data.modalities, target, data.groups, data.sample_ids, data.split)


def _columns(table: Any, name: str, columns: Any) -> AnyArray:
    """Select the columns of one modality from an array or a DataFrame."""
    if hasattr(table, "iloc"):
        if isinstance(columns, slice) and all(isinstance(end, int | None) for end in (columns.start, columns.stop)):
            return np.asarray(table.iloc[:, columns])
        if not isinstance(columns, slice) and all(isinstance(column, str) for column in columns):
            check_known(f"column (of modality {name!r})", columns, [str(column) for column in table.columns])
            return np.asarray(table[list(columns)])
        return np.asarray(table.iloc[:, columns])
    array = np.asarray(table)
    if array.ndim != 2:
        raise DataError(f"X has shape {array.shape}, expected (n_samples, n_features) for columns of modality {name!r}")
    try:
        return array[:, columns]
    except IndexError as error:
        raise DataError(f"columns of modality {name!r} do not exist in X of shape {array.shape} ({error})") from None


class MultimodalEstimator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share.

    Parameters
    ----------
    preset : str, default "default"
        Starting point of the settings; "aaai2024" is the published RedCore.
    settings : mapping, optional
        Settings to change, by name; see `redcore.methods.redcore.RedCoreSettings`.
    modalities : mapping of str to columns, optional
        Which columns make which modality, where X is an array or a DataFrame.
    encoders : mapping of str to torch.nn.Module, optional
        Own encoders by modality, called as ``encoder(values, lengths)``.
    nan_rows : {"error", "missing"}, default "error"
        What a NaN inside an otherwise observed row means.
    empty : {"prior", "error"}, default "prior"
        What becomes of samples without any modality when predicting.
    random_state : int, RandomState or None, default None
        All randomness of a fit follows from it.

    Attributes
    ----------
    method_ : Method
        The fitted method.
    history_ : History
        Losses, supervision weights and relative advantage of every step; validation of every epoch.
    supervision_weights_, relative_advantage_ : dict of str to float
        Final values by modality.
    """

    _method_name: ClassVar[str] = "redcore"

    def __init__(
        self,
        preset: str = "default",
        *,
        settings: Mapping[str, Any] | None = None,
        modalities: Mapping[str, Any] | None = None,
        encoders: Mapping[str, Any] | None = None,
        nan_rows: NanPolicy = "error",
        empty: Literal["prior", "error"] = "prior",
        random_state: Any = None,
    ) -> None:
        self.preset = preset
        self.settings = settings
        self.modalities = modalities
        self.encoders = encoders
        self.nan_rows = nan_rows
        self.empty = empty
        self.random_state = random_state

    def _target(self, y: Any) -> Target:
        raise NotImplementedError

    def _data(self, X: Any, availability: Any, target: Target | None = None, groups: Any = None) -> MultimodalData:
        return as_data(
            X, target, modalities=self.modalities, availability=availability, groups=groups, nan_rows=self.nan_rows
        )

    def fit(self, X: Any, y: Any = None, availability: Any = None, groups: Any = None) -> Self:
        """Fit to X and y.

        Parameters
        ----------
        X : mapping, 2-D array, DataFrame or MultimodalData
            See `as_data`.
        y : array (n_samples,) or (n_samples, n_outputs)
            May be left out where X is MultimodalData with a target.
        availability : bool array (n_samples, n_modalities) or mapping, optional
            True = observed. What is False is never read.
        groups : array (n_samples,), optional
            Subject, video, ...: validation holds out whole groups.

        Returns
        -------
        self
        """
        if y is None and isinstance(X, MultimodalData):
            data = self._data(X, availability, X.target)
        else:
            data = self._data(X, availability, self._target(y), groups)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        method = make_method(self._method_name, self.preset, self.settings, encoders=self.encoders)
        return self._adopt(method.fit(data, seed=seed))

    def _adopt(self, method: Method) -> Self:
        """Take over a fitted method."""
        self.method_ = method
        self.history_: History = method.history
        self.supervision_weights_: dict[str, float] = getattr(method, "supervision_weight", {})
        self.relative_advantage_: dict[str, float] = getattr(method, "relative_advantage", {})
        return self

    def _outputs(self, X: Any, availability: Any) -> AnyArray:
        check_is_fitted(self)
        return self.method_.predict(self._data(X, availability), empty=self.empty)

    def transform(self, X: Any, availability: Any = None) -> AnyArray:
        """Return the joint representation ``[r_1; ...; r_M]``, float32 (n_samples, n_modalities * latent_dim)."""
        check_is_fitted(self)
        return self.method_.transform(self._data(X, availability))


class RedCoreClassifier(ClassifierMixin, MultimodalEstimator):  # type: ignore[misc]
    """RedCore for classes, one per sample, or for labels, several per sample (y of zeros and ones in columns).

    See `MultimodalEstimator` for the parameters.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.

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

    def _target(self, y: Any) -> Target:
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            return Target.from_multilabel(y)
        return Target.from_labels(y)

    def _adopt(self, method: Method) -> Self:
        if method.schema.target_kind == "regression":
            raise TargetError("the target is a regression target; use RedCoreRegressor")
        self.classes_ = method.schema.classes
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None) -> AnyArray:
        """Return the most probable class, (n_samples,); for labels zeros and ones, (n_samples, n_labels)."""
        probabilities = self._outputs(X, availability)
        if self.method_.schema.target_kind == "multilabel":
            return (probabilities >= 0.5).astype(np.int64)
        classes: AnyArray = np.asarray(self.classes_)[probabilities.argmax(axis=1)]
        return classes

    def predict_proba(self, X: Any, availability: Any = None) -> AnyArray:
        """Return the probability of each class (or label), float64 (n_samples, n_classes)."""
        return self._outputs(X, availability)

    def score(self, X: Any, y: Any, availability: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy."""
        return float(accuracy_score(y, self.predict(X, availability), sample_weight=sample_weight))


class RedCoreRegressor(RegressorMixin, MultimodalEstimator):  # type: ignore[misc]
    """RedCore for numbers, one or several per sample. See `MultimodalEstimator` for the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> audio, text = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    >>> y = audio[:, 0] + text[:, 1]
    >>> model = RedCoreRegressor(settings={"max_epochs": 5}, random_state=0).fit({"audio": audio, "text": text}, y)
    >>> model.predict({"audio": audio, "text": None}).shape    # without any text
    (60,)
    """

    def _target(self, y: Any) -> Target:
        return Target.from_numbers(y)

    def _adopt(self, method: Method) -> Self:
        if method.schema.target_kind != "regression":
            raise TargetError(f"the target is {method.schema.target_kind}; use RedCoreClassifier")
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None) -> AnyArray:
        """Return numbers in the units of y, (n_samples,) or (n_samples, n_outputs)."""
        outputs = self._outputs(X, availability)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def score(self, X: Any, y: Any, availability: Any = None, sample_weight: Any = None) -> float:
        """Return R2."""
        return float(r2_score(y, self.predict(X, availability), sample_weight=sample_weight))
