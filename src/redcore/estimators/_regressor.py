"""Regressors: numbers, one or several per sample."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore.data import Target
from redcore.estimators._base import checked_target
from redcore.estimators._uncertainty import CalibratedEstimator
from redcore.exceptions import TargetError
from redcore.methods import Method

__all__ = ["MethodRegressor", "RedCoreRegressor"]


class _Regressor(RegressorMixin, CalibratedEstimator):  # type: ignore[misc]
    """Every method as a regressor."""

    def _target(self, y: Any) -> Target:
        y = checked_target(y)
        return Target.from_numbers(y)

    def _adopt(self, method: Method) -> Self:
        if method.schema.target_kind != "regression":
            kind = method.schema.target_kind
            raise TargetError(f"the target is {kind}; use a classifier, such as RedCoreClassifier")
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None, n_samples: int | None = None, seed: int = 0) -> AnyArray:
        """Return numbers in the units of y, (n_samples,) or (n_samples, n_outputs).

        Parameters
        ----------
        X, availability
            As in `fit`.
        n_samples : int, optional
            Average over so many draws of the codes from their posterior, for methods that have one.
        seed : int
            Of these draws.
        """
        outputs = self._outputs(X, availability, n_samples, seed)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def predict_interval(self, X: Any, availability: Any = None, coverage: float = 0.9) -> AnyArray:
        """Return intervals in the units of y, (n_samples, 2) or (n_samples, n_outputs, 2), once `calibrate` was called.

        Under each missing pattern the truth lies in its interval with probability `coverage`, each output by itself.
        Intervals are as wide for all samples of a pattern; infinite where there are too few calibration samples, with a
        warning.
        """
        check_is_fitted(self)
        data = self._data(X, availability)
        bounds = self._bounds(data, coverage)
        middle = self.method_.predict(data, empty=self.empty)
        both = np.stack([middle - bounds, middle + bounds], axis=-1)
        return both[:, 0] if both.shape[1] == 1 else both

    def score(self, X: Any, y: Any, sample_weight: Any = None, availability: Any = None) -> float:
        """Return R2."""
        return float(r2_score(y, self.predict(X, availability), sample_weight=sample_weight))


class RedCoreRegressor(_Regressor):
    """RedCore for numbers, one or several per sample. See `MultimodalEstimator` for the parameters.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : array of str
        Columns of X, where it is a table.

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


class MethodRegressor(_Regressor):
    """Any method for numbers; see `RedCoreRegressor` and `MultimodalEstimator`.

    Parameters
    ----------
    method : str, default "stacked"
        'redcore list methods'.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : array of str
        Columns of X, where it is a table.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.arange(8.0)[:, None], "text": np.ones((8, 2))}
    >>> bool(MethodRegressor("late_fusion").fit(X, np.arange(8.0)).predict({"audio": [[7.0]]}) > 5)
    True
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
