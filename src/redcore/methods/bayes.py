"""Bayes: the Bayes-optimal prediction for the data sets gaussian and weibull under every missing pattern."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.datasets import GaussianModel, GaussianSettings
from redcore.exceptions import DataError
from redcore.fitting import FitContext
from redcore.methods._base import Method, MethodSettings

__all__ = ["METHOD", "Bayes", "BayesSettings"]

SOURCE = "Textbook method: posterior of a linear-Gaussian model; no specific paper"


class BayesSettings(MethodSettings, GaussianSettings):
    """Settings of the model that generated the data; see `GaussianSettings`."""


class Bayes(Method):
    """Bayes-optimal prediction with the true parameters of the data set, an upper bound for all methods."""

    Settings: ClassVar[type[MethodSettings]] = BayesSettings
    any_data: ClassVar[bool] = False
    supports_survival: ClassVar[bool] = True
    nothing_to_tune: ClassVar[str] = "its settings are the known parameters of the data"

    def _model(self) -> GaussianModel:
        values = cast(BayesSettings, self.settings).model_dump(exclude=set(MethodSettings.model_fields))
        return GaussianModel.make(GaussianSettings.checked(values))

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        settings, model = cast(BayesSettings, self.settings), self._model()
        expected = dict.fromkeys(model.names, (settings.n_features, settings.max_length > 0))
        actual = {m.name: (m.n_features, m.is_sequence) for m in self.schema.modalities if m.n_features}
        n_outputs = settings.n_classes if settings.target == "classes" else 1
        is_survival = self.schema.target_kind.is_survival
        fits = is_survival if settings.target == "survival" else not is_survival and self.schema.n_outputs == n_outputs
        if not actual.items() <= expected.items() or not fits:
            raise DataError(
                "method 'bayes' supports the data sets gaussian and weibull only, generated with the same settings: "
                f"expected modalities {', '.join(expected)} of {settings.n_features} features and target "
                f"{settings.target!r} with {n_outputs} output(s), got {', '.join(self.schema.names)} and a "
                f"{self.schema.target_kind} target with {self.schema.n_outputs} output(s)"
            )

    def _predict(self, data: MultimodalData) -> AnyArray:
        model = self._model()
        if self.schema.target_kind.is_survival:
            assert self.schema.grid is not None
            return model.expected_survival(data, self.schema.grid.borders)
        return model.posterior(data) if self.schema.classes is not None else model.expected_number(data)

    def _arrays(self) -> dict[str, AnyArray]:
        return {}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        """Do nothing, since the settings are the whole model."""


METHOD = Bayes
