"""Mean-fill: missing features are training means, one logistic (or ridge) regression on everything."""

from typing import ClassVar, cast

import numpy as np

from redcore._types import AnyArray
from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear, linear_outputs
from redcore.methods._base import MethodSettings, TableMethod

__all__ = ["METHOD", "MeanFill"]

SOURCE = "Textbook method; no paper of its own"


class MeanFill(TableMethod):
    """One linear model on all features side by side; a missing one is its mean over the observed training rows."""

    Settings: ClassVar[type[MethodSettings]] = LinearSettings

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        settings = cast(LinearSettings, self.settings)
        coefficients, intercepts = fit_linear(_filled(table), target, settings, groups)
        return {"coefficients": coefficients, "intercepts": intercepts}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        linear = _filled(table) @ self.table_arrays["coefficients"] + self.table_arrays["intercepts"]
        return linear_outputs(linear, self.schema.target_kind)


def _filled(table: AnyArray) -> AnyArray:
    # features are standardised: their mean is 0
    return np.nan_to_num(table, nan=0.0)


METHOD = MeanFill
