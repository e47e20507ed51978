"""Base class of methods that use one table with the concatenated features of all modalities."""

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
    """Base class of methods that use one table with the concatenated features of all modalities.

    The features of a sequence are statistics over time. Features of missing modalities are NaN. Subclasses implement
    `_fit_table` and `_predict_table`; the arrays that `_fit_table` returns are stored in `table_arrays`.
    """

    standardize: ClassVar[bool] = True
    """If True, features are standardised."""

    preprocessor: Preprocessor
    widths: dict[str, int]
    table_arrays: dict[str, AnyArray]

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        for callback in context.callbacks:
            callback.on_start(1, 0)
        vectors = vectors_of(data)
        kinds: dict[str, Any] = {} if self.standardize else {"*": "identity"}
        # trees are invariant to scaling and do not need a bound on values
        self.preprocessor = Preprocessor.fit(vectors, kinds, **({} if self.standardize else {"clip": float("inf")}))
        self.widths = {name: modality.n_features for name, modality in vectors.modalities.items()}
        assert data.target is not None
        self.table_arrays = self._fit_table(self._table(vectors), data.target, data.groups, context.seed)
        for callback in context.callbacks:
            callback.on_step(0, {})

    def _table(self, vectors: MultimodalData) -> AnyArray:
        """Return the feature table, float64 (n_samples, n_features), with NaN for missing modalities."""
        blocks = []
        for name, modality in self.preprocessor.transform(vectors).modalities.items():
            block = np.full((vectors.n_samples, self.widths[name]), np.nan)
            observed = modality.gather(np.arange(vectors.n_samples))
            if len(observed.rows):
                block[observed.rows] = observed.values
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    def _predict(self, data: MultimodalData) -> AnyArray:
        return self._predict_table(self._table(vectors_of(data)))

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        """Fit the model and return all fitted parameters as named arrays.

        Parameters
        ----------
        table : array (n_samples, n_features)
        target : Target
        groups : array (n_samples,) or None
            Groups for cross-validation.
        seed : int
        """
        raise NotImplementedError

    def _predict_table(self, table: AnyArray) -> AnyArray:
        """Return the predictions of the fitted model (see `table_arrays`), (n_samples, n_outputs)."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, AnyArray]:
        preprocessing = prefixed("preprocessing/", self.preprocessor.to_arrays())
        return {**preprocessing, **prefixed("table/", self.table_arrays)}

    def _info(self) -> dict[str, Any]:
        return {"widths": self.widths}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        kinds: dict[str, Any] = {} if self.standardize else {"*": "identity"}
        bound = {} if self.standardize else {"clip": float("inf")}
        preprocessing = unprefixed("preprocessing/", arrays)
        self.preprocessor = Preprocessor.from_arrays(preprocessing, self.active, kinds, **bound)
        self.widths = {name: int(width) for name, width in info["widths"].items()}
        self.table_arrays = unprefixed("table/", arrays)
