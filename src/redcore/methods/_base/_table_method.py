"""What methods on one table share: sequences by statistics, modalities side by side, NaN where one is missing."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target
from redcore.fitting import FitContext
from redcore.methods._base._method import Method
from redcore.preprocessing import Preprocessor, vectors_of

__all__ = ["TableMethod"]


class TableMethod(Method):
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
        for name, modality in self.preprocessor.transform(vectors).modalities.items():
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
        preprocessing = prefixed("preprocessing/", self.preprocessor.to_arrays())
        return {**preprocessing, **prefixed("table/", self.table_arrays)}

    def _info(self) -> dict[str, Any]:
        return {"widths": self.widths}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        kinds: dict[str, Any] = {} if self.standardize else {"*": "identity"}
        bound = {} if self.standardize else {"clip": float("inf")}
        kept = unprefixed("preprocessing/", arrays)
        self.preprocessor = Preprocessor.from_arrays(kept, self.active, kinds, **bound)
        self.widths = {name: int(width) for name, width in info["widths"].items()}
        self.table_arrays = unprefixed("table/", arrays)
