"""Mean imputation of missing features, and logistic (or ridge) regression."""

from typing import ClassVar, cast

import numpy as np

from redcore._types import AnyArray
from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear, linear_outputs
from redcore.methods._base import MethodSettings, TableMethod

__all__ = ["METHOD", "MeanFill"]

SOURCE = "Textbook method; no specific paper"


class MeanFill(TableMethod):
    """Linear model of all features, in which missing features are replaced by their mean over the training samples."""

    Settings: ClassVar[type[MethodSettings]] = LinearSettings

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        settings = cast(LinearSettings, self.settings)
        coefficients, intercepts = fit_linear(_filled(table), target, settings, groups)
        return {"coefficients": coefficients, "intercepts": intercepts}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        linear = _filled(table) @ self.table_arrays["coefficients"] + self.table_arrays["intercepts"]
        return linear_outputs(linear, self.schema.target_kind)


def _filled(table: AnyArray) -> AnyArray:
    # the mean of standardised features is 0
    return np.nan_to_num(table, nan=0.0)


METHOD = MeanFill
