"""Base class of classifiers and regressors."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from redcore import _defaults
from redcore._types import AnyArray, BoolArray
from redcore._validation import NanPolicy, check_row_count, target_array
from redcore.data import Frame, MultimodalData, Target, is_frame, sentinel_message, sentinels
from redcore.estimators._html import modality_table
from redcore.estimators._inputs import Inputs, as_inputs, as_names, columns_by_name, is_table, named_columns, with_nan
from redcore.exceptions import DataError, DataWarning, SettingsError, TargetError
from redcore.fitting import Callback, History, progress_callbacks
from redcore.methods import LatentCodes, Method, MethodLike, make_method, method_class, method_name
from redcore.methods.redcore import RedCore
from redcore.methods.stack import Stack
from redcore.methods.stacked import Stacked

__all__ = ["AnyMethodEstimator", "MultimodalEstimator", "checked_target"]

SETTING = "settings__"
"""Prefix of the parameters that stand for single settings."""

REDCORE = (RedCore, Stack, Stacked)
"""Methods of the presets that the estimators of RedCore accept."""


class MultimodalEstimator(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base class of classifiers and regressors: parameters, input conversion, `fit` and `transform`.

    Parameters
    ----------
    preset : str, default "default"
        Preset, or path of a preset file (see 'redcore tune'), whose settings replace the defaults. "aaai2024" is the
        published RedCore.
    settings : mapping, optional
        Settings that replace those of the preset; see `Settings` of the method.
    modalities : mapping of str to columns, optional
        Columns of each modality if X is an array or a DataFrame; see `as_data`. Default: one modality with all columns.
    encoders : mapping of str to str, class, function, torch.nn.Module or mapping, optional
        Encoders by modality, for methods with networks; see `EncoderChoice`.
    nan_rows : {"keep", "error", "missing"}, default "keep"
        Treatment of a row with some NaN values: keep them as missing cells, which the method fills (see the setting
        `within_modality`), raise an error, or consider the modality of this sample missing. Rows with NaN values only
        are always missing.
    empty : {"prior", "error"}, default "prior"
        Treatment of samples without any modality at prediction: predict the prior with a warning, or raise an error.
    warm_start : bool, default False
        If True, `fit` starts from the weights of the previous fit, which requires data with the same modalities and
        features. It has no effect for methods without gradient descent.
    id_column : str, optional
        Column of the frames in X with the labels of the samples; see `as_data`. Default: the index of pandas objects.
        y, groups, weights and availability may be frames with this column.
    text : str or sequence of str, optional
        Columns of the frames in X that are free text, as names or glob patterns. Other columns of text are categories.
    callbacks : sequence of redcore.fitting.Callback, default ()
        Callbacks of the fit, to monitor or stop it, log it, or keep the weights of its epochs.
    unlabelled : "nan", label or None, default None
        Mark of training samples without a label in y: "nan" for None and NaN, or a value such as -1. RedCore trains its
        encoders, bottleneck and imputers with these samples; other methods ignore them with a warning. None: every
        sample needs a label.
    verbose : {0, 1, 2}, default 0
        Progress of the fit: none, a progress bar on stderr, or a line per epoch of each network on stdout.
    random_state : int, RandomState or None, default None
        Seed of all randomness of a fit.

    Attributes
    ----------
    method_ : Method
        Fitted method.
    history_ : History
        Losses, supervision weights and relative advantages of each step, and validation results of each epoch.
    histories_ : list of History
        The same of all ensemble members; `history_` is the first.
    supervision_weights_, relative_advantage_ : dict of str to float
        Final values by modality; empty for methods without supervision weights.
    missing_rates_ : dict of str to float
        Missing rate of each modality in the training samples.
    n_features_in_ : int
        Number of columns of X, if X is a table.
    feature_names_in_ : array of str
        Column names of X, if X is a frame.
    columns_ : dict of str to list
        Columns of each modality, if X is a frame and `modalities` selects columns by name. In prediction, the columns
        of X may have another order.
    """

    method: MethodLike | None = None

    def __init__(
        self,
        preset: str = "default",
        *,
        settings: Mapping[str, Any] | None = None,
        modalities: Mapping[str, Any] | None = None,
        encoders: Mapping[str, Any] | None = None,
        nan_rows: NanPolicy = "keep",
        empty: Literal["prior", "error"] = "prior",
        warm_start: bool = False,
        id_column: str | None = None,
        text: str | Sequence[str] | None = None,
        callbacks: Sequence[Callback] = (),
        unlabelled: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.preset = preset
        self.settings = settings
        self.modalities = modalities
        self.encoders = encoders
        self.nan_rows = nan_rows
        self.empty = empty
        self.warm_start = warm_start
        self.id_column = id_column
        self.text = text
        self.callbacks = callbacks
        self.unlabelled = unlabelled
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # rows with NaN values only are always allowed, but scikit-learn has no tag for this
        tags.input_tags.allow_nan = self.nan_rows != "error"
        tags.input_tags.dict = tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        # representations are float32 for inputs of any type
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _target(self, y: Any) -> Target:
        raise NotImplementedError

    def _weights(self, target: Target, sample_weight: Any) -> Any:
        """Return the sample weights for a target; None for equal weights."""
        return sample_weight

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters. With `deep`, also each entry of `settings` as ``settings__<name>``."""
        params: dict[str, Any] = super().get_params(deep=deep)
        if deep and isinstance(self.settings, Mapping):
            params |= {f"{SETTING}{name}": value for name, value in self.settings.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters. ``settings__<name>`` replaces one entry of `settings`, so that searches can vary it."""
        nested = {name.removeprefix(SETTING): params.pop(name) for name in list(params) if name.startswith(SETTING)}
        super().set_params(**params)
        if nested:
            self.settings = {**(self.settings or {}), **nested}
        return self

    def _data(self, X: Any, availability: Any) -> MultimodalData:
        """Convert X to `MultimodalData`."""
        return self._converted(self._inputs(X, availability), availability)

    def _converted(self, inputs: Inputs, availability: Any, groups: Any = None) -> MultimodalData:
        """Convert matched inputs to `MultimodalData`."""
        return inputs.data(availability, groups, self.nan_rows, as_names(self.text))

    def _inputs(self, X: Any, availability: Any = None, reset: bool = False, **others: Any) -> Inputs:
        """Match the samples of X and other inputs. If `reset` is True, X is the training data and sets its columns."""
        modalities = self.modalities
        if reset:
            for name in ("n_features_in_", "feature_names_in_", "columns_"):
                self.__dict__.pop(name, None)
        if is_table(X):
            X, modalities = self._table(X, reset)
        inputs = as_inputs(X, modalities, partial=not reset, id_column=self.id_column)
        return inputs.adopt(**others, availability=None if isinstance(availability, Mapping) else availability)

    def _table(self, X: Any, reset: bool) -> tuple[Any, Any]:
        """Check the columns of a table. Return it with the columns of each modality."""
        if not is_frame(X):
            X = with_nan(X)
            return validate_data(self, X, reset=reset, dtype="numeric", ensure_all_finite=False), self.modalities
        frame = Frame.of("X", X, self.id_column)
        is_pandas = hasattr(X, "iloc")
        by_name = columns_by_name(X, self.modalities)
        if is_pandas and (reset or not by_name):
            # scikit-learn checks column names and their number, but not the values
            validate_data(self, X.iloc[:0, list(frame.positions)], reset=reset, skip_check_array=True)
        elif reset:
            self.n_features_in_ = len(frame.names)
            self.feature_names_in_ = np.asarray(frame.names, dtype=object)
        if reset and (by_name or not is_pandas):
            self.columns_ = named_columns(frame, self.modalities)
        return X, getattr(self, "columns_", None) or self.modalities

    def _labelled(
        self, X: Any, y: Any, availability: Any, groups: Any = None, weights: Any = None, reset: bool = False
    ) -> MultimodalData:
        """Convert X and y to `MultimodalData` with target and weights.

        `y` overrides the target of X; it may be None if X is `MultimodalData` with a target. `reset` is True in `fit`:
        the columns of X become those of the estimator.
        """
        return self._with_target(*self._matched(X, y, availability, groups, weights, reset))

    def _matched(
        self, X: Any, y: Any, availability: Any, groups: Any, weights: Any, reset: bool
    ) -> tuple[MultimodalData, Any, Any]:
        """Convert X, and return it with y and the weights in the order of its samples."""
        inputs = self._inputs(X, availability, reset, y=y, groups=groups, sample_weight=weights)
        if reset:
            inputs.check_text(as_names(self.text))
        data = self._converted(inputs, availability, groups)
        if reset and (message := sentinel_message(sentinels(data))):
            warnings.warn(DataWarning(f"X: {message}"), stacklevel=4)
        return data, inputs.per_sample("y", y), inputs.per_sample("sample_weight", weights)

    def _with_target(self, data: MultimodalData, y: Any, weights: Any) -> MultimodalData:
        """Return data with the target y, or with its own target if y is None, and with weights."""
        target = data.target if y is None and data.target is not None else self._target(y)
        check_row_count("target", len(target.values), data.n_samples)
        return replace(data, target=target.weighted(self._weights(target, weights)))

    def _scored(
        self, X: Any, y: Any, sample_weight: Any, availability: Any
    ) -> tuple[MultimodalData, AnyArray, AnyArray | None]:
        """Return data, target and sample weights for a score; y is optional if X has a target."""
        check_is_fitted(self)
        inputs = self._inputs(X, availability, y=y, sample_weight=sample_weight)
        data = self._converted(inputs, availability)
        y, weights = inputs.per_sample("y", y), inputs.per_sample("sample_weight", sample_weight)
        if y is None and data.target is not None:
            classes = data.target.classes
            y = data.target.values if not data.target.is_classification else np.asarray(classes)[data.target.values]
        return data, checked_target(y), weights

    def fit(
        self,
        X: Any,
        y: Any = None,
        availability: Any = None,
        groups: Any = None,
        sample_weight: Any = None,
        validation: Any = None,
    ) -> Self:
        """Fit the method to X and y.

        Parameters
        ----------
        X : mapping, 2-D array, DataFrame or MultimodalData
            See `as_data`. Samples of frames are matched by their labels. All other inputs with labels are brought into
            the order of the samples of X, and must have the same samples.
        y : array (n_samples,) or (n_samples, n_outputs)
            Target. Optional if X is MultimodalData with a target.
        availability : bool array or DataFrame (n_samples, n_modalities), or mapping, optional
            Availability mask, True for observed modalities. Values with False are ignored. The columns of a DataFrame
            are matched by name.
        groups : array (n_samples,), optional
            Groups of samples, such as subjects or videos, which are not divided between training and validation.
        sample_weight : array (n_samples,), optional
            Weights of the samples in the losses. Samples with a weight of 0 are removed.
        validation : MultimodalData, (X, y) or (X, y, availability), optional
            Validation set. Default: a part of the training samples.

        Returns
        -------
        self
        """
        data, y, weights = self._matched(X, y, availability, groups, sample_weight, reset=True)
        unlabelled = None
        if self.unlabelled is not None and y is not None:
            check_row_count("target", len(y), data.n_samples)
            y, is_labelled = without_unlabelled(y, self.unlabelled)
            weights = None if weights is None else np.asarray(weights)[is_labelled]
            unlabelled = None if is_labelled.all() else data.take(np.flatnonzero(~is_labelled))
            data = data.take(np.flatnonzero(is_labelled))
        data = self._with_target(data, y, weights)
        held_out = self._validation(validation)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        options = {} if self.encoders is None else {"encoders": self.encoders}
        self._check_preset()
        method = make_method(self.method, self.preset, self.settings, **options)
        start = getattr(self, "method_", None) if self.warm_start else None
        with progress_callbacks(self.verbose, type(self).__name__) as shown:
            callbacks = (*self.callbacks, *shown)
            fitted = method.fit(data, held_out, seed=seed, callbacks=callbacks, start=start, unlabelled=unlabelled)
        self._adopt(fitted)
        self.missing_rates_ = data.missing_rates
        return self

    def _check_preset(self) -> None:
        """Check that an estimator without a parameter `method` has a preset of RedCore."""
        name = method_name(self.method, self.preset)
        if self.method is None and not issubclass(method_class(name), REDCORE):
            raise SettingsError(f"preset {self.preset!r} belongs to method {name!r}, which is not RedCore")

    def _validation(self, validation: Any) -> MultimodalData | None:
        if validation is None:
            return None
        if isinstance(validation, MultimodalData):
            return self._labelled(validation, None, None)
        if not isinstance(validation, tuple) or len(validation) not in (2, 3):
            got = f"a tuple of {len(validation)}" if isinstance(validation, tuple) else type(validation).__name__
            raise DataError(f"validation is {got}, expected MultimodalData or a tuple (X, y) or (X, y, availability)")
        X, y, *availability = validation
        return self._labelled(X, y, *(availability or [None]))

    def _adopt(self, method: Method) -> Self:
        """Set all fitted attributes from a fitted method, and return the estimator."""
        self.method_ = method
        self.history_: History = method.history
        self.histories_: list[History] = method.histories
        self.supervision_weights_: dict[str, float] = getattr(method, "supervision_weight", {})
        self.relative_advantage_: dict[str, float] = getattr(method, "relative_advantage", {})
        return self

    def transform(self, X: Any, availability: Any = None) -> AnyArray:
        """Return the representation from which predictions are computed, float32 (n_samples, width).

        For RedCore, it is ``[r_1; ...; r_M]`` with the width ``n_modalities * latent_dim``. Estimators of methods
        without a representation do not have this function.
        """
        check_is_fitted(self)
        return self.method_.transform(self._data(X, availability))

    def latent(self, X: Any, availability: Any = None, member: int = 0) -> LatentCodes:
        """Return the latent code of each observed modality, with NaN for missing modalities.

        For methods that impute latent codes, such as RedCore. See `impute` and `LatentCodes`.
        """
        check_is_fitted(self)
        return self.method_.latent(self._data(X, availability), member)

    def impute(self, X: Any, availability: Any = None, member: int = 0) -> LatentCodes:
        """Return the latent code of each modality, imputed from the other modalities where it is missing.

        Parameters
        ----------
        X, availability
            As in `fit`.
        member : int >= 0, default 0
            Ensemble member whose codes are returned. The members are trained separately, so that their codes have
            different coordinates and cannot be averaged.

        Returns
        -------
        LatentCodes
            ``codes[modality]`` is float32 (n_samples, width). ``imputed[modality]`` is True for imputed codes, bool
            (n_samples,).

        Raises
        ------
        UnsupportedError
            If the method does not impute latent codes.
        SettingsError
            If there is no such member.
        """
        check_is_fitted(self)
        return self.method_.impute(self._data(X, availability), member)

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:
        """Return the names of the columns of `transform`, such as ``redcoreclassifier0``."""
        check_is_fitted(self)
        if hasattr(self, "n_features_in_"):
            _check_feature_names_in(self, input_features)
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{index}" for index in range(self.method_.width)], dtype=object)

    def _html_repr(self) -> str:
        return str(super()._html_repr()) + modality_table(self)


class AnyMethodEstimator(MultimodalEstimator):
    """Base class of estimators with the parameter `method`.

    Parameters
    ----------
    method : str, class or Method, default "stacked"
        Name of the method, see 'redcore list methods', dotted name, subclass of `redcore.methods.Method`, or an
        unfitted method.
    """

    def __init__(
        self,
        method: MethodLike = "stacked",
        *,
        preset: str = "default",
        settings: Mapping[str, Any] | None = None,
        modalities: Mapping[str, Any] | None = None,
        encoders: Mapping[str, Any] | None = None,
        nan_rows: NanPolicy = "keep",
        empty: Literal["prior", "error"] = "prior",
        warm_start: bool = False,
        id_column: str | None = None,
        text: str | Sequence[str] | None = None,
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


def _has_representation(estimator: MultimodalEstimator) -> bool:
    return method_class(estimator.method or _defaults.METHOD).has_representation()


# must follow the class body, at the end of which scikit-learn wraps `transform` for `set_output`
for _name in ("transform", "fit_transform"):
    setattr(MultimodalEstimator, _name, available_if(_has_representation)(getattr(MultimodalEstimator, _name)))


def without_unlabelled(y: Any, mark: Any) -> tuple[AnyArray, BoolArray]:
    """Return the labels in y, (n_labelled, ...), and a mask (n_samples,) that is True for samples with a label.

    `mark` is the value of samples without a label, or ``"nan"`` for None and NaN.

    Raises
    ------
    TargetError
        If no sample has a label.
    """
    values = np.asarray(y)
    has_mark = np.frompyfunc(lambda value: value is None or value != value if mark == "nan" else value == mark, 1, 1)
    is_labelled: BoolArray = ~has_mark(values).astype(bool).reshape(len(values), -1).all(axis=1)
    if not is_labelled.any():
        raise TargetError(f"no sample has a label: all are {mark!r}")
    labels = values[is_labelled]
    return np.asarray(labels.tolist()) if labels.dtype == object else labels, is_labelled


def checked_target(y: Any) -> Any:
    """Return y as a list or an array.

    Raises
    ------
    TargetError
        If y is None or has NaN or infinite values. The messages are those that the checks of scikit-learn expect.
    """
    if y is None:
        raise TargetError("the estimator requires y to be passed, but the target y is None")
    if isinstance(y, list | tuple):
        target_array(y)
        return y
    values = target_array(y.toarray() if issparse(y) else y)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        if np.isinf(values[row]).any():
            raise TargetError(f"Input y contains infinity or a value too large for dtype('float64') in row {row}")
        raise TargetError(f"Input y contains NaN. The labels are missing: row {row} has none")
    return values
