"""Complete-case analysis: a linear model trained on complete samples only, with mean imputation at prediction."""

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.methods._base import LinearTableMethod

__all__ = ["METHOD", "CompleteCase"]

SOURCE = "Textbook method (listwise deletion); no specific paper"


class CompleteCase(LinearTableMethod):
    """Linear model trained on the samples that observe all modalities.

    If there are no such samples, those with the largest number of observed features are used.
    """

    def training_rows(self, table: AnyArray) -> IntArray:
        """Return the rows with the largest number of observed features."""
        n_observed = np.isfinite(table).sum(axis=1)
        return np.flatnonzero(n_observed == n_observed.max())


METHOD = CompleteCase
