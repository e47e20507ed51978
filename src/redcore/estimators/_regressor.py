"""Regressors: numbers, one or several per sample."""

from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from redcore._types import AnyArray
from redcore.data import Target
from redcore.estimators._base import MultimodalEstimator, checked_target
from redcore.exceptions import TargetError
from redcore.training import Method

__all__ = ["MethodRegressor", "RedCoreRegressor"]


class _Regressor(RegressorMixin, MultimodalEstimator):  # type: ignore[misc]
    """Every method as a regressor."""

    def _target(self, y: Any) -> Target:
        y = checked_target(y)
        return Target.from_numbers(y)

    def _adopt(self, method: Method) -> Self:
        if method.schema.target_kind != "regression":
            kind = method.schema.target_kind
            raise TargetError(f"the target is {kind}; use a classifier, such as RedCoreClassifier")
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None) -> AnyArray:
        """Return numbers in the units of y, (n_samples,) or (n_samples, n_outputs)."""
        outputs = self._outputs(X, availability)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

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
    method : str, default "redcore"
        'redcore list methods'.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : array of str
        Columns of X, where it is a table.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.arange(8.0)[:, None], "text": None}
    >>> bool(MethodRegressor("late_fusion").fit(X, np.arange(8.0)).predict({"audio": [[7.0]]}) > 5)
    True
    """

    def __init__(
        self,
        method: str = "redcore",
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
