"""Complete-case analysis: a linear model trained on complete samples only, with mean imputation at prediction."""

from typing import ClassVar, cast

import numpy as np

from redcore._types import AnyArray
from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear, linear_outputs
from redcore.methods._base import MethodSettings, TableMethod

__all__ = ["METHOD", "CompleteCase"]

SOURCE = "Textbook method (listwise deletion); no specific paper"


class CompleteCase(TableMethod):
    """Linear model trained on the samples that observe all modalities.

    If there are no such samples, those with the largest number of observed features are used.
    """

    Settings: ClassVar[type[MethodSettings]] = LinearSettings

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        observed = np.isfinite(table).sum(axis=1)
        rows = np.flatnonzero(observed == observed.max())
        filled = np.nan_to_num(table[rows], nan=0.0)
        settings, chosen = cast(LinearSettings, self.settings), None if groups is None else groups[rows]
        coefficients, intercepts = fit_linear(filled, target.take(rows), settings, chosen)
        return {"coefficients": coefficients, "intercepts": intercepts}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        linear = np.nan_to_num(table, nan=0.0) @ self.table_arrays["coefficients"] + self.table_arrays["intercepts"]
        return linear_outputs(linear, self.schema.target_kind)


METHOD = CompleteCase
