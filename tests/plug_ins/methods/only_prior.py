"""Prior under another name: the smallest subclass of `Method`."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.fitting import FitContext
from redcore.methods import Method

SOURCE = "A test"


class OnlyPrior(Method):
    nothing_to_tune: ClassVar[str] = "it has no settings"

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        pass

    def _predict(self, data: MultimodalData) -> AnyArray:
        return np.tile(self.prior, (data.n_samples, 1))

    def _arrays(self) -> dict[str, AnyArray]:
        return {}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        pass


METHOD = OnlyPrior
