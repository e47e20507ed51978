"""Prior: class frequencies (or the mean) of the training data, whatever is there."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.fitting import FitContext
from redcore.methods._base import Method

__all__ = ["METHOD", "Prior"]

SOURCE = "Textbook method; no paper of its own"


class Prior(Method):
    """Predicts the prior for every sample: what any other method must beat."""

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        """Nothing but the prior is learnt, and that is done already."""

    def _predict(self, data: MultimodalData) -> AnyArray:
        return np.tile(self.prior, (data.n_samples, 1))

    def _arrays(self) -> dict[str, AnyArray]:
        return {}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        """Nothing is kept but the prior."""


METHOD = Prior
