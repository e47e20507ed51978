"""Late fusion: one logistic (or ridge) regression per modality, averaged over the observed modalities."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.exceptions import TrainingInterrupted
from redcore.fitting import FitContext
from redcore.linear import LinearSettings, UnimodalLinear, linear_outputs
from redcore.methods._base import Method, MethodSettings

__all__ = ["METHOD", "LateFusion"]

SOURCE = "Textbook method; no specific paper"


class LateFusion(Method):
    """One linear model per modality, trained on the samples that observe it.

    The prediction is the mean of the predicted probabilities (or regression outputs) of the observed modalities. The
    features of a sequence are the mean, standard deviation, minimum and maximum of each input feature over time.
    """

    Settings: ClassVar[type[MethodSettings]] = LinearSettings

    linear: UnimodalLinear

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        for callback in context.callbacks:
            callback.on_start(len(self.active), 0)
        for index, fitted in enumerate(UnimodalLinear.steps(data, cast(LinearSettings, self.settings))):
            self.linear = fitted
            for callback in context.callbacks:
                callback.on_step(index, {})
            if any(callback.should_stop() for callback in context.callbacks):
                raise TrainingInterrupted(index + 1)

    def _predict(self, data: MultimodalData) -> AnyArray:
        linear, observed = self.linear.predict(data)
        outputs = linear_outputs(linear, self.schema.target_kind) * observed[..., None]
        mean: AnyArray = outputs.sum(axis=1) / observed.sum(axis=1, keepdims=True)
        return mean

    def _arrays(self) -> dict[str, AnyArray]:
        return self.linear.to_arrays()

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        self.linear = UnimodalLinear.from_arrays(arrays, self.active)


METHOD = LateFusion
