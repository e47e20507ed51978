"""Late fusion: one logistic (or ridge) regression per modality, averaged over the present ones."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import numpy as np

from redcore._types import AnyArray
from redcore.data import MultimodalData
from redcore.exceptions import TrainingInterrupted
from redcore.training import (
    FitContext,
    LinearSettings,
    Method,
    MethodSettings,
    Preprocessor,
    fit_linear,
    linear_outputs,
    vectors_of,
)

__all__ = ["METHOD", "LateFusion"]

SOURCE = "Textbook method; no paper of its own"


class LateFusion(Method):
    """A linear model per modality on its observed rows; predictions are averaged over the present modalities.

    Probabilities (or numbers) are averaged. A sequence enters by the mean, standard deviation, minimum and maximum
    of each feature over time.
    """

    Settings: ClassVar[type[MethodSettings]] = LinearSettings

    preprocessor: Preprocessor
    coefficients: dict[str, AnyArray]
    intercepts: dict[str, AnyArray]

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        for callback in context.callbacks:
            callback.on_start(len(self.active), 0)
        vectors = vectors_of(data)
        self.preprocessor = Preprocessor.fit(vectors)
        vectors = self.preprocessor.apply(vectors)
        self.coefficients, self.intercepts = {}, {}
        settings = cast(LinearSettings, self.settings)
        assert data.target is not None
        for index, (name, modality) in enumerate(vectors.modalities.items()):
            rows = np.flatnonzero(modality.availability)
            values = modality.gather(rows).values.astype(np.float64)
            self.coefficients[name], self.intercepts[name] = fit_linear(values, data.target.take(rows), settings)
            for callback in context.callbacks:
                callback.on_step(index, {})
            if any(callback.should_stop() for callback in context.callbacks):
                raise TrainingInterrupted(index + 1)

    def _predict(self, data: MultimodalData) -> AnyArray:
        total = np.zeros((data.n_samples, self.schema.n_outputs))
        for name, modality in self.preprocessor.apply(vectors_of(data)).modalities.items():
            present = modality.gather(np.arange(data.n_samples))
            if len(present.rows):
                linear = present.values.astype(np.float64) @ self.coefficients[name] + self.intercepts[name]
                total[present.rows] += linear_outputs(linear, self.schema.target_kind)
        mean: AnyArray = total / data.availability.sum(axis=1, keepdims=True)
        return mean

    def _arrays(self) -> dict[str, AnyArray]:
        preprocessing = {f"preprocessing/{name}": array for name, array in self.preprocessor.to_arrays().items()}
        coefficients = {f"coefficients/{name}": array for name, array in self.coefficients.items()}
        return {
            **preprocessing,
            **coefficients,
            **{f"intercepts/{name}": array for name, array in self.intercepts.items()},
        }

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        kept = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("preprocessing/")}
        self.preprocessor = Preprocessor.from_arrays(kept, self.active)
        self.coefficients = {name: arrays[f"coefficients/{name}"] for name in self.active}
        self.intercepts = {name: arrays[f"intercepts/{name}"] for name in self.active}


METHOD = LateFusion
