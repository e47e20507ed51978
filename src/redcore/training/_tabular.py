"""What methods on one table share: sequences by statistics, modalities side by side, NaN where one is missing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from redcore._types import AnyArray
from redcore.data import Modality, MultimodalData, Target
from redcore.training._method import FitContext, Method
from redcore.training._preprocessing import Preprocessor

__all__ = ["TabularMethod", "vectors_of"]


def vectors_of(data: MultimodalData) -> MultimodalData:
    """Return `data` with each sequence as mean, standard deviation, minimum and maximum of each feature over time."""
    modalities = {name: _summary(modality.loaded()) for name, modality in data.modalities.items()}
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


class TabularMethod(Method):
    """A method that learns from one table of all modalities' standardised features.

    Subclasses implement `_fit_table`, `_predict_table`, and keep what they fitted as arrays in `table_arrays`.
    """

    standardize: ClassVar[bool] = True

    preprocessor: Preprocessor
    widths: dict[str, int]
    table_arrays: dict[str, AnyArray]

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        for callback in context.callbacks:
            callback.on_start(1, 0)
        vectors = vectors_of(data)
        kinds: dict[str, Any] = {} if self.standardize else {"*": "identity"}
        # trees have no use for a bound, and read values as they are
        self.preprocessor = Preprocessor.fit(vectors, kinds, **({} if self.standardize else {"clip": float("inf")}))
        self.widths = {name: modality.n_features for name, modality in vectors.modalities.items()}
        assert data.target is not None
        self.table_arrays = self._fit_table(self._table(vectors), data.target, data.groups, context.seed)
        for callback in context.callbacks:
            callback.on_step(0, {})

    def _table(self, vectors: MultimodalData) -> AnyArray:
        """Return the features, float64 (n_samples, sum of widths), NaN where a modality is missing."""
        blocks = []
        for name, modality in self.preprocessor.apply(vectors).modalities.items():
            block = np.full((vectors.n_samples, self.widths[name]), np.nan)
            present = modality.gather(np.arange(vectors.n_samples))
            if len(present.rows):
                block[present.rows] = present.values
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    def _predict(self, data: MultimodalData) -> AnyArray:
        return self._predict_table(self._table(vectors_of(data)))

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        """Fit, and return all fitted numbers by name; `groups` are for choices by cross-validation."""
        raise NotImplementedError

    def _predict_table(self, table: AnyArray) -> AnyArray:
        """Predict from `table_arrays`, (n_samples, n_outputs)."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, AnyArray]:
        preprocessing = {f"preprocessing/{name}": array for name, array in self.preprocessor.to_arrays().items()}
        return {**preprocessing, **{f"table/{name}": array for name, array in self.table_arrays.items()}}

    def _info(self) -> dict[str, Any]:
        return {"widths": self.widths}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        kinds: dict[str, Any] = {} if self.standardize else {"*": "identity"}
        bound = {} if self.standardize else {"clip": float("inf")}
        kept = {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith("preprocessing/")}
        self.preprocessor = Preprocessor.from_arrays(kept, self.active, kinds, **bound)
        self.widths = {name: int(width) for name, width in info["widths"].items()}
        self.table_arrays = {name[6:]: array for name, array in arrays.items() if name.startswith("table/")}
