"""Regressors with one or several outputs."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore.data import Target
from redcore.estimators._base import AnyMethodEstimator, checked_target
from redcore.estimators._uncertainty import CalibratedEstimator
from redcore.exceptions import TargetError
from redcore.methods import Method

__all__ = ["MethodRegressor", "RedCoreRegressor"]


class _Regressor(RegressorMixin, CalibratedEstimator):  # type: ignore[misc]
    """Base class of regressors."""

    def _target(self, y: Any) -> Target:
        y = checked_target(y)
        return Target.from_numbers(y)

    def _adopt(self, method: Method) -> Self:
        if not method.schema.target_kind.is_regression:
            kind = method.schema.target_kind
            raise TargetError(f"expected a regression target, got {kind}; use a classifier such as RedCoreClassifier")
        return super()._adopt(method)

    def predict(self, X: Any, availability: Any = None, n_samples: int | None = None, seed: int = 0) -> AnyArray:
        """Return predictions in the units of y, (n_samples,) or (n_samples, n_outputs).

        Rows have the order of the samples of X: for a mapping of frames, the samples of the first frame in its order,
        followed by those that occur only in later frames. ``as_data(X).sample_ids`` are their labels.

        Parameters
        ----------
        X, availability
            As in `fit`.
        n_samples : int, optional
            Number of posterior samples of the latent codes over which predictions are averaged, for methods with a
            posterior. Default: use the posterior mean of the codes.
        seed : int
            Seed of the posterior samples.
        """
        outputs = self._outputs(X, availability, n_samples, seed)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def predict_interval(self, X: Any, availability: Any = None, coverage: float = 0.9) -> AnyArray:
        """Return conformal prediction intervals in the units of y, (n_samples, 2) or (n_samples, n_outputs, 2).

        For each missing pattern and each output, the interval contains the true value with probability `coverage`. All
        samples with the same pattern have intervals of the same width. Intervals are infinite, with a warning, if there
        are too few calibration samples. `calibrate` must be called before.
        """
        check_is_fitted(self)
        data = self._data(X, availability)
        bounds = self._bounds(data, coverage)
        center = self.method_.predict(data, empty=self.empty)
        both = np.stack([center - bounds, center + bounds], axis=-1)
        return both[:, 0] if both.shape[1] == 1 else both

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, availability: Any = None) -> float:
        """Return the coefficient of determination R2. y is optional if X is MultimodalData with a target."""
        data, y, weights = self._scored(X, y, sample_weight, availability)
        return float(r2_score(y, self.predict(data), sample_weight=weights))


class RedCoreRegressor(_Regressor):
    """RedCore for regression with one or several outputs. See `MultimodalEstimator` for the parameters.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X, if X is a table.
    feature_names_in_ : array of str
        Column names of X, if X is a DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> audio, text = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    >>> y = audio[:, 0] + text[:, 1]
    >>> model = RedCoreRegressor(settings={"max_epochs": 5}, random_state=0).fit({"audio": audio, "text": text}, y)
    >>> model.predict({"audio": audio, "text": None}).shape    # text is missing
    (60,)
    """


class MethodRegressor(AnyMethodEstimator, _Regressor):
    """Regressor with any method. See `RedCoreRegressor` and `MultimodalEstimator` for the other parameters.

    Parameters
    ----------
    method : str, class or Method, default "stacked"
        Name of the method, see 'redcore list methods', dotted name, subclass of `redcore.methods.Method`, or an
        unfitted method.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X, if X is a table.
    feature_names_in_ : array of str
        Column names of X, if X is a DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"audio": np.arange(8.0)[:, None], "text": np.ones((8, 2))}
    >>> bool(MethodRegressor("late_fusion").fit(X, np.arange(8.0)).predict({"audio": [[7.0]]}) > 5)
    True
    """
