"""Late fusion: one logistic (or ridge) regression per modality, averaged over the present ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, cast

import numpy as np
from pydantic import Field
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression, Ridge

from redcore._types import AnyArray, IntArray
from redcore.data import Modality, MultimodalData, Target
from redcore.exceptions import TrainingInterrupted
from redcore.training import FitContext, Method, MethodSettings, Preprocessor

__all__ = ["METHOD", "LateFusion", "LateFusionSettings"]

SOURCE = "Textbook method; no paper of its own"

UNSEEN_LOGIT = -30.0
"""Logit of a class that no sample with this modality had."""


class LateFusionSettings(MethodSettings):
    """Constants of late fusion.

    Attributes
    ----------
    C : float > 0, default 1
        Inverse L2 strength of the logistic regressions.
    alpha : float > 0, default 1
        L2 strength of the ridge regressions.
    max_iter : int >= 1, default 1000
        Most iterations of a logistic regression.
    """

    C: Annotated[float, Field(gt=0)] = 1.0
    alpha: Annotated[float, Field(gt=0)] = 1.0
    max_iter: Annotated[int, Field(ge=1)] = 1000


class LateFusion(Method):
    """A linear model per modality on its observed rows; predictions are averaged over the present modalities.

    Probabilities (or numbers) are averaged. A sequence enters by the mean, standard deviation, minimum and maximum
    of each feature over time.
    """

    Settings: ClassVar[type[MethodSettings]] = LateFusionSettings

    preprocessor: Preprocessor
    coefficients: dict[str, AnyArray]
    intercepts: dict[str, AnyArray]

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        for callback in context.callbacks:
            callback.on_start(len(self.active), 0)
        vectors = _vectors(data)
        self.preprocessor = Preprocessor.fit(vectors)
        vectors = self.preprocessor.apply(vectors)
        self.coefficients, self.intercepts = {}, {}
        assert data.target is not None
        for index, (name, modality) in enumerate(vectors.modalities.items()):
            rows = np.flatnonzero(modality.availability)
            values = modality.gather(rows).values.astype(np.float64)
            self.coefficients[name], self.intercepts[name] = self._fit_one(values, data.target.take(rows))
            for callback in context.callbacks:
                callback.on_step(index, {})
            if any(callback.should_stop() for callback in context.callbacks):
                raise TrainingInterrupted(index + 1)

    def _fit_one(self, values: AnyArray, target: Target) -> tuple[AnyArray, AnyArray]:
        """Fit one modality; return coefficients (n_features, n_outputs) and intercepts (n_outputs,)."""
        settings = cast(LateFusionSettings, self.settings)
        if target.kind == "regression":
            model = Ridge(alpha=settings.alpha).fit(values, target.values.reshape(len(values), -1))
            return model.coef_.reshape(-1, values.shape[1]).T.copy(), np.atleast_1d(model.intercept_)
        if target.kind == "multilabel":
            columns = [self._logistic(values, column.astype(np.int64), 2) for column in target.values.T]
            return np.concatenate([c[:, 1:] for c, _ in columns], axis=1), np.concatenate([b[1:] for _, b in columns])
        return self._logistic(values, target.values, target.n_outputs)

    def _logistic(self, values: AnyArray, codes: IntArray, n_classes: int) -> tuple[AnyArray, AnyArray]:
        """Fit class logits; classes that do not occur get a very low one, two classes get (0, logit)."""
        settings = cast(LateFusionSettings, self.settings)
        coefficients = np.zeros((values.shape[1], n_classes))
        intercepts = np.full(n_classes, UNSEEN_LOGIT)
        seen = np.unique(codes)
        intercepts[seen] = 0.0
        if len(seen) > 1:
            model = LogisticRegression(C=settings.C, max_iter=settings.max_iter).fit(values, codes)
            # with two classes there is one row, the logit of the second
            fitted = seen[1:] if len(seen) == 2 else seen
            coefficients[:, fitted], intercepts[fitted] = model.coef_.T, model.intercept_
        elif n_classes == 2:
            intercepts[:] = 0.0, -UNSEEN_LOGIT if seen[0] else UNSEEN_LOGIT
        return coefficients, intercepts

    def _predict(self, data: MultimodalData) -> AnyArray:
        total = np.zeros((data.n_samples, self.schema.n_outputs))
        for name, modality in self.preprocessor.apply(_vectors(data)).modalities.items():
            present = modality.gather(np.arange(data.n_samples))
            if len(present.rows):
                linear = present.values.astype(np.float64) @ self.coefficients[name] + self.intercepts[name]
                total[present.rows] += self._output(linear)
        mean: AnyArray = total / data.availability.sum(axis=1, keepdims=True)
        return mean

    def _output(self, linear: AnyArray) -> AnyArray:
        kind = self.schema.target_kind
        if kind == "regression":
            return linear
        return np.asarray(expit(linear) if kind == "multilabel" else softmax(linear, axis=1))

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


def _vectors(data: MultimodalData) -> MultimodalData:
    """Return `data` with each sequence summarised by statistics over time."""
    modalities = {name: _summary(modality) for name, modality in data.modalities.items()}
    return replace(data, modalities=modalities)


def _summary(modality: Modality) -> Modality:
    if modality.offsets is None or not modality.n_observed:
        return modality if modality.offsets is None else Modality.nothing(modality.n_samples)
    starts, lengths = modality.offsets[:-1], np.diff(modality.offsets)[:, None]
    values = modality.values.astype(np.float64)
    mean = np.add.reduceat(values, starts) / lengths
    deviation = values - np.repeat(mean, lengths[:, 0], axis=0)
    spread = np.sqrt(np.add.reduceat(deviation**2, starts) / lengths)
    extremes = [np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)]
    summary = np.concatenate([mean, spread, *extremes], axis=1)
    return Modality(summary.astype(np.float32), modality.position)


METHOD = LateFusion
