"""Prior: class frequencies (or the target mean) of the training data for every sample."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.fitting import FitContext
from redcore.methods._base import Method

__all__ = ["METHOD", "Prior"]

SOURCE = "Textbook method; no specific paper"


class Prior(Method):
    """Prediction of the prior for every sample, a lower bound for all other methods."""

    supports_survival: ClassVar[bool] = True
    nothing_to_tune: ClassVar[str] = "it has no settings"

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        """Do nothing, since `Method.fit` computes the prior."""

    def _predict(self, data: MultimodalData) -> AnyArray:
        return np.tile(self.prior, (data.n_samples, 1))

    def _arrays(self) -> dict[str, AnyArray]:
        return {}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        """Do nothing, since `Method.restore` restores the prior."""


METHOD = Prior
