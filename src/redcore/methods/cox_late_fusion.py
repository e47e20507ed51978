"""Late fusion: one Cox model with an elastic net per modality; curves are averaged (survival only)."""

from typing import cast

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray
from redcore.data import Target
from redcore.methods._base import CoxSettings, CoxTableMethod, block_starts, fit_cox

__all__ = ["METHOD", "CoxLateFusion"]

SOURCE = (
    "Late fusion of the model of Cox (1972), Regression models and life-tables, Journal of the Royal Statistical "
    "Society B 34(2); fitted by scikit-survival. It differs from `late_fusion`, whose models have discrete times and "
    "an L2 penalty"
)


class CoxLateFusion(CoxTableMethod):
    """One Cox model per modality, trained on the samples that observe it.

    The prediction is the mean of the predicted curves of the observed modalities.
    """

    def observed(self, table: Tensor) -> Tensor:
        """Return 1 for each observed modality, double (n_samples, n_modalities)."""
        return (~table.index_select(1, torch.from_numpy(block_starts(self.widths))).isnan()).double()

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        starts, settings = block_starts(self.widths), cast(CoxSettings, self.settings)
        coefficients = np.zeros((table.shape[1], len(starts)))
        hazards = np.zeros((len(starts), target.n_outputs))
        for index, (start, width) in enumerate(zip(starts, self.widths.values(), strict=True)):
            columns = slice(start, start + width)
            rows = np.flatnonzero(~np.isnan(table[:, start]))
            own, own_groups = target.take(rows), None if groups is None else groups[rows]
            fitted = fit_cox(table[rows, columns], own, settings, own_groups)
            coefficients[columns, index], hazards[index] = fitted
        return {"coefficients": coefficients, "hazards": hazards}


METHOD = CoxLateFusion
