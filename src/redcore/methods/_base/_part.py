"""One of several targets of a fitted method, as a separate method."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.exceptions import UnsupportedError
from redcore.fitting import FitContext
from redcore.methods._base._method import Method
from redcore.nn import Batch

__all__ = ["PartOfMethod"]


class Columns(nn.Module):
    """Predictions of one of several targets.

    Parameters
    ----------
    predictor : nn.Module
        Maps a batch to the predictions of all targets.
    columns : slice
    """

    def __init__(self, predictor: nn.Module, columns: slice) -> None:
        super().__init__()
        self.predictor, self.columns = predictor, columns

    def forward(self, batch: Batch) -> Tensor:
        """Return the columns of this target, (n_samples, n_outputs), double."""
        outputs: Tensor = self.predictor(batch)
        return outputs[:, self.columns]


class PartOfMethod(Method):
    """View of a fitted method for several targets that predicts one of them; see `Method.of_part`.

    Its threshold and temperature are part of the fitted method and are saved with it.
    """

    def __init__(self, whole: Method, name: str) -> None:
        super().__init__(whole.settings)
        self.whole, self.name = whole, name
        self.schema, self.columns = whole.schema.of_part(name), whole.schema.outputs_of(name)
        self.active, self.prior = whole.active, whole.prior[self.columns]
        self.history, self.histories = whole.history, whole.histories
        self.texts, self.cells, self.part_options = whole.texts, whole.cells, {}
        self.imputes_codes, self.uses_unlabelled = whole.imputes_codes, whole.uses_unlabelled

    @property
    def threshold(self) -> float | None:
        """Probability from which the rare class is predicted; see `Method`."""
        return self.whole.part_options[self.name].threshold

    @threshold.setter
    def threshold(self, value: float | None) -> None:
        self.whole.part_options[self.name].threshold = value

    @property
    def temperature(self) -> float:
        """Temperature of the predicted probabilities; see `Method`."""
        return self.whole.part_options[self.name].temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self.whole.part_options[self.name].temperature = value

    def prediction_module(self) -> nn.Module:
        """Return the module of all targets, followed by the selection of this one; see `Method.prediction_module`."""
        return Columns(self.whole.prediction_module(), self.columns)

    def decision_module(self) -> nn.Module:
        """Return the rule for the predicted class; see `Method.decision_module`."""
        return self.whole.part_decision_module(self.name)

    def _predict(self, data: MultimodalData) -> AnyArray:
        return self.whole._predict(data)[:, self.columns]

    def _transform(self, data: MultimodalData) -> AnyArray:
        return self.whole._transform(data)

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        return self.whole._sample(data, n_draws, seed)[..., self.columns]

    def _of_member(self, member: int) -> Method:
        return PartOfMethod(self.whole._of_member(member), self.name)

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        raise UnsupportedError(f"target {self.name!r} is part of a fitted method: fit a new method to this target")

    def _arrays(self) -> dict[str, AnyArray]:
        raise UnsupportedError(f"target {self.name!r} is part of a fitted method: save the method of all targets")

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name == "whole" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.whole, name)
