"""Missing-indicator method: mean imputation, one indicator per modality, and logistic (or ridge) regression."""

import numpy as np
import torch
from torch import Tensor

from redcore.methods._base import LinearTableMethod

__all__ = ["METHOD", "IndicatorLinear"]

SOURCE = "Textbook method (missing-indicator method); no specific paper"


class IndicatorLinear(LinearTableMethod):
    """Linear model of all standardised features, with zeros for missing features, and of missing indicators."""

    def design(self, table: Tensor) -> Tensor:
        """Return the features with zeros for NaN, and one column per modality that is 1 where it is missing."""
        first_columns = torch.from_numpy(np.cumsum([0, *self.widths.values()])[:-1])
        missing = table.index_select(1, first_columns).isnan().double()
        return torch.cat([super().design(table), missing], dim=1)


METHOD = IndicatorLinear
