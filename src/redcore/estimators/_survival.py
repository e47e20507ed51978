"""Estimators of the time to an event: RedCore and all methods, with the conventions of scikit-survival."""

from typing import Any, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore._validation import target_array
from redcore.data import Target, TimeGrid, risk_scores, survival_fields
from redcore.estimators._base import AnyMethodEstimator
from redcore.estimators._uncertainty import CalibratedEstimator
from redcore.exceptions import TargetError, UnsupportedError
from redcore.methods import Method
from redcore.metrics import concordance

__all__ = ["MethodSurvival", "RedCoreSurvival"]


class _Survival(CalibratedEstimator):
    """Base class of survival estimators.

    y is a structured array of events (booleans) and times as in scikit-survival, or a frame with one column of booleans
    and one of numbers.

    Attributes
    ----------
    unique_times_ : array (n_times,)
        Times of the predicted survival curves.
    """

    def _target(self, y: Any) -> Target:
        if y is None:
            raise TargetError("requires y to be passed, but the target y is None")
        times, events = survival_fields(y) or _columns(y)
        return Target.from_survival(times, events)

    def _adopt(self, method: Method) -> Any:
        if not method.schema.target_kind.is_survival:
            kind = method.schema.target_kind
            raise TargetError(f"the target is {kind}, expected survival; use RedCoreClassifier or RedCoreRegressor")
        self.unique_times_ = self._grid(method).borders
        return super()._adopt(method)

    @staticmethod
    def _grid(method: Method) -> TimeGrid:
        return cast(TimeGrid, method.schema.grid)

    def predict(self, X: Any, availability: Any = None) -> AnyArray:
        """Return the risk of each sample, (n_samples,): the sum of its cumulative hazards at ``unique_times_``.

        The higher the risk, the earlier the predicted event.
        """
        return risk_scores(self._outputs(X, availability))

    def predict_survival_function(self, X: Any, return_array: bool = False, availability: Any = None) -> AnyArray:
        """Return the predicted survival curves.

        Parameters
        ----------
        X : mapping, 2-D array, DataFrame or MultimodalData
        return_array : bool, default False
            If True, return the probabilities of survival at ``unique_times_``, (n_samples, n_times). Otherwise return
            an array of step functions of scikit-survival (extra ``survival``).
        availability : bool array, DataFrame or mapping, optional
            As in `fit`.
        """
        return self._functions(self._outputs(X, availability), return_array)

    def predict_cumulative_hazard_function(
        self, X: Any, return_array: bool = False, availability: Any = None
    ) -> AnyArray:
        """Return the predicted cumulative hazards, ``-log`` of the survival curves; see `predict_survival_function`."""
        curves = self._outputs(X, availability)
        return self._functions(-np.log(curves.clip(min=np.finfo(np.float64).tiny)), return_array)

    def _functions(self, values: AnyArray, return_array: bool) -> AnyArray:
        if return_array:
            return values
        try:
            from sksurv.functions import StepFunction
        except ImportError:
            raise UnsupportedError(
                "step functions need scikit-survival: pip install 'redcore[survival]', or pass return_array=True"
            ) from None
        functions = np.empty(len(values), dtype=object)
        for row, curve in enumerate(values):
            functions[row] = StepFunction(self.unique_times_, curve, domain=(0, None))
        return functions

    def predict_median(self, X: Any, availability: Any = None) -> AnyArray:
        """Return the median times, (n_samples,); infinite where the predicted curve stays above one half."""
        return self._grid(self.method_).quantile(self._outputs(X, availability), 0.5)

    def predict_interval(self, X: Any, availability: Any = None, coverage: float = 0.9) -> AnyArray:
        """Return conformal intervals of the times, (n_samples, 2).

        For each missing pattern, the interval contains the time with probability `coverage`, up to the horizon to which
        at least 10% of the training samples are followed: an upper bound beyond it is infinite. `calibrate` must be
        called before.
        """
        check_is_fitted(self)
        data = self._data(X, availability)
        curves = self.method_.predict(data, empty=self.empty)
        return self._grid(self.method_).interval(curves, self._bounds(data, coverage)[:, 0])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, availability: Any = None) -> float:
        """Return the concordance index of Harrell, in [0, 1]; y is optional if X has a target."""
        check_is_fitted(self)
        data = self._unweighted(X, y, availability)
        assert data.target is not None
        times, events = data.target.values.T
        weights = events if sample_weight is None else events * np.asarray(sample_weight)
        value = concordance(times, events, self.predict(data), weights)
        if value is None:
            raise TargetError("the concordance is not defined: no sample has an event before the time of another")
        return value


def _columns(y: Any) -> tuple[AnyArray, AnyArray]:
    """Return times and events of a frame, which has become an array of objects (n_samples, 2)."""
    target_array(y)
    columns = np.asarray(y, dtype=object)
    columns = columns.T if columns.ndim == 2 else columns[None]
    are_events = [all(isinstance(entry, bool | np.bool_) for entry in column) for column in columns]
    if len(columns) != 2 or sum(are_events) != 1:
        raise TargetError(
            "expected y as a structured array of events and times (sksurv.util.Surv), or a frame with a column of "
            f"booleans and a column of numbers, got {type(y).__name__} of shape {np.shape(y)}"
        )
    return columns[are_events.index(False)], columns[are_events.index(True)]


class RedCoreSurvival(_Survival):
    """RedCore for the time to an event, which may be censored. See `MultimodalEstimator` for the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> audio, text = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    >>> y = np.empty(60, dtype=[("event", "?"), ("time", "f8")])
    >>> y["event"], y["time"] = rng.random(60) < 0.7, rng.exponential(np.exp(-audio[:, 0]))
    >>> model = RedCoreSurvival(settings={"max_epochs": 5}, random_state=0).fit({"audio": audio, "text": text}, y)
    >>> model.predict({"audio": audio, "text": None}).shape    # text is missing
    (60,)
    """


class MethodSurvival(AnyMethodEstimator, _Survival):
    """Time to an event with any method. See `RedCoreSurvival` and `MultimodalEstimator` for the other parameters.

    Parameters
    ----------
    method : str, class or Method, default "stacked"
        Name of the method, see 'redcore list methods', dotted name, subclass of `redcore.methods.Method`, or an
        unfitted method.
    """
