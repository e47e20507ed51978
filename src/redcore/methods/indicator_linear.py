"""Missing-indicator method: mean imputation, one indicator per modality, and logistic (or ridge) regression."""

from typing import ClassVar, cast

import numpy as np

from redcore._types import AnyArray
from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear, linear_outputs
from redcore.methods._base import MethodSettings, TableMethod

__all__ = ["METHOD", "IndicatorLinear"]

SOURCE = "Textbook method (missing-indicator method); no specific paper"


class IndicatorLinear(TableMethod):
    """Linear model of all standardised features, with zeros for missing features, and of missing indicators."""

    Settings: ClassVar[type[MethodSettings]] = LinearSettings

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        settings = cast(LinearSettings, self.settings)
        coefficients, intercepts = fit_linear(self._with_indicators(table), target, settings, groups)
        return {"coefficients": coefficients, "intercepts": intercepts}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        linear = self._with_indicators(table) @ self.table_arrays["coefficients"] + self.table_arrays["intercepts"]
        return linear_outputs(linear, self.schema.target_kind)

    def _with_indicators(self, table: AnyArray) -> AnyArray:
        firsts = np.cumsum([0, *self.widths.values()])[:-1]
        missing = np.isnan(table[:, firsts]).astype(np.float64)
        return np.concatenate([np.nan_to_num(table, nan=0.0), missing], axis=1)


METHOD = IndicatorLinear
