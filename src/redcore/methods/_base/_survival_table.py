"""Base class of models of scikit-survival on one table."""

from importlib.util import find_spec
from typing import ClassVar

import numpy as np

from redcore._discovery import name_of
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import UnsupportedError
from redcore.fitting import FitContext
from redcore.methods._base._table_method import TableMethod

__all__ = ["SurvivalTableMethod", "baseline_hazards", "structured"]


class SurvivalTableMethod(TableMethod):
    """Base class of models of survival that scikit-survival fits (extra `survival`).

    The fitted arrays are complete: predictions do not need the package.
    """

    supports_survival: ClassVar[bool] = True
    survival_only: ClassVar[bool] = True

    supports_weights: ClassVar[bool] = False
    """If True, the model takes sample weights; otherwise they are an error."""

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        name = name_of("redcore.methods", type(self))
        if find_spec("sksurv") is None:
            raise UnsupportedError(
                f"method {name!r} needs the package scikit-survival: pip install 'redcore[survival]'"
            )
        if data.target is not None and data.target.weights is not None and not self.supports_weights:
            raise UnsupportedError(f"method {name!r} does not support sample weights")
        super()._fit(data, validation, context)


def structured(target: Target) -> AnyArray:
    """Return a survival target as the structured array of scikit-survival, (n_samples,)."""
    array = np.empty(len(target.values), dtype=[("event", "?"), ("time", "f8")])
    array["time"], array["event"] = target.values[:, 0], target.values[:, 1] == 1
    return array


def baseline_hazards(log_risks: AnyArray, target: Target) -> AnyArray:
    """Return the cumulative baseline hazard at the borders of the time grid, (n_bins,) (Breslow 1974).

    Parameters
    ----------
    log_risks : array (n_samples,)
        Log hazard ratios of the training samples.
    target : Target
    """
    times, events = target.values.T
    order = np.argsort(times)
    times, events = times[order], events[order] * target.counts[order]
    at_risk = (np.exp(log_risks) * target.counts)[order][::-1].cumsum()[::-1]
    steps = events / at_risk[np.searchsorted(times, times)]
    last = np.searchsorted(times, target.time_grid.borders, side="right")
    return np.asarray(steps.cumsum()[last - 1])
