"""Late fusion: one logistic (or ridge) regression per modality, averaged over the observed modalities."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.data import MultimodalData, TargetKind
from redcore.exceptions import TrainingInterrupted
from redcore.fitting import FitContext
from redcore.linear import LinearSettings, UnimodalLinear
from redcore.methods._base import Method, MethodSettings
from redcore.nn import Batch, outputs_of

__all__ = ["METHOD", "LateFusion"]

SOURCE = "Textbook method; no specific paper"


class MeanOutput(nn.Module):
    """Mean of the predictions of linear models over the observed modalities.

    Parameters
    ----------
    linear : UnimodalLinear
    kind : TargetKind
    """

    def __init__(self, linear: UnimodalLinear, kind: TargetKind) -> None:
        super().__init__()
        self.linear, self.kind = linear, kind

    def forward(self, batch: Batch) -> Tensor:
        """Return probabilities or regression outputs, (n_samples, n_outputs), double."""
        linear, observed = self.linear(self.linear.vectors(batch))
        outputs = outputs_of(linear, self.kind) * observed[..., None]
        mean: Tensor = outputs.sum(dim=1) / observed.sum(dim=1, keepdim=True)
        return mean


class LateFusion(Method):
    """One linear model per modality, trained on the samples that observe it.

    The prediction is the mean of the predicted probabilities (or regression outputs) of the observed modalities. The
    features of a sequence are the mean, standard deviation, minimum and maximum of each input feature over time.
    """

    Settings: ClassVar[type[MethodSettings]] = LinearSettings
    supports_survival: ClassVar[bool] = True
    is_linear: ClassVar[bool] = True

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

    def prediction_module(self) -> nn.Module:
        """Return the linear models and their mean; see `Method.prediction_module`."""
        return MeanOutput(self.linear, self.schema.target_kind)

    def _arrays(self) -> dict[str, AnyArray]:
        return self.linear.to_arrays()

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        self.linear = UnimodalLinear.from_arrays(arrays, self.active)


METHOD = LateFusion
