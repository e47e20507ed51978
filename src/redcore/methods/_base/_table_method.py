"""Base classes of methods that use one table with the concatenated features of all modalities."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from redcore._arrays import prefixed, unprefixed
from redcore._types import AnyArray, IntArray
from redcore.data import MultimodalData, Target, TargetKind
from redcore.fitting import FitContext, predict_batches
from redcore.linear import LinearModel, LinearSettings, fit_linear
from redcore.methods._base._method import Method
from redcore.nn import Batch, outputs_of
from redcore.preprocessing import VectorPreprocessor

__all__ = ["LinearTableMethod", "TableMethod", "block_starts", "filled", "with_missing_indicators"]


class TableFeatures(nn.Module):
    """Preprocessed features of all modalities side by side.

    Parameters
    ----------
    preprocessor : VectorPreprocessor
    widths : sequence of int
        Number of columns of each modality.
    """

    def __init__(self, preprocessor: VectorPreprocessor, widths: Sequence[int]) -> None:
        super().__init__()
        self.preprocessor, self.widths = preprocessor, list(widths)

    def forward(self, batch: Batch) -> Tensor:
        """Return the table, double (n_samples, sum of widths), with NaN where a modality is missing."""
        vectors: Batch = self.preprocessor(batch)
        blocks = []
        for index, (width, part) in enumerate(zip(self.widths, vectors.modalities, strict=True)):
            missing = ~vectors.availability[:, index, None]
            if part.rows.shape[0]:
                blocks.append(vectors.spread(index, part.values.double()).masked_fill(missing, torch.nan))
            else:
                blocks.append(torch.full((vectors.n_samples, width), torch.nan, dtype=torch.float64))
        return torch.cat(blocks, dim=1)


class TableMethod(Method):
    """Base class of methods that use one table with the concatenated features of all modalities.

    The features of a sequence are statistics over time. Features of missing modalities are NaN. Subclasses implement
    `_fit_table` and `_predict_table`; the arrays that `_fit_table` returns are stored in `table_arrays`.

    Attributes
    ----------
    widths : dict of str to int
        Number of columns of each modality.
    """

    standardize: ClassVar[bool] = True
    """If True, features are preprocessed by "auto" of `redcore.preprocessing.Preprocessor`; if False, not at all."""

    preprocessor: VectorPreprocessor
    widths: dict[str, int]
    table_arrays: dict[str, AnyArray]

    def _fit(self, data: MultimodalData, validation: MultimodalData | None, context: FitContext) -> None:
        with context.single_step():
            self.preprocessor, vectors = VectorPreprocessor.fit(data, **self._preprocessing())
            self.widths = {name: modality.n_features for name, modality in vectors.modalities.items()}
            assert data.target is not None
            self.table_arrays = self._fit_table(self._table(vectors), data.target, data.groups, context.seed)

    def _preprocessing(self) -> dict[str, Any]:
        return {} if self.standardize else {"kinds": {"*": "identity"}, "clip": float("inf")}

    def features(self) -> TableFeatures:
        """Return the module that maps a batch to the table."""
        return TableFeatures(self.preprocessor, list(self.widths.values()))

    def _table(self, data: MultimodalData) -> AnyArray:
        return np.concatenate([table.numpy() for table in predict_batches(self.features(), data, is_linear=True)])

    def _predict(self, data: MultimodalData) -> AnyArray:
        return self._predict_table(self._table(data))

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        """Fit to a table, and return all fitted numbers by name.

        Parameters
        ----------
        table : array (n_samples, n_columns)
            With NaN where a modality is missing.
        target : Target
        groups : array (n_samples,) or None
            Groups of samples that cross-validation keeps together.
        seed : int
        """
        raise NotImplementedError

    def _predict_table(self, table: AnyArray) -> AnyArray:
        """Predict from a table, (n_samples, n_outputs), with `table_arrays`."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, AnyArray]:
        preprocessing = prefixed("preprocessing/", self.preprocessor.to_arrays())
        return {**preprocessing, **prefixed("table/", self.table_arrays)}

    def _info(self) -> dict[str, Any]:
        return {"widths": self.widths}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        statistics = unprefixed("preprocessing/", arrays)
        self.preprocessor = VectorPreprocessor.from_arrays(statistics, self.active, **self._preprocessing())
        self.widths = {name: int(width) for name, width in info["widths"].items()}
        self.table_arrays = unprefixed("table/", arrays)


class LinearTable(nn.Module):
    """Linear model of columns that are computed from a table.

    Parameters
    ----------
    design : callable
        Maps the table to the columns that the model reads.
    model : LinearModel
    kind : TargetKind
    """

    def __init__(self, design: Callable[[Tensor], Tensor], model: LinearModel, kind: TargetKind) -> None:
        super().__init__()
        self.design, self.model, self.kind = design, model, kind

    def forward(self, table: Tensor) -> Tensor:
        """Return probabilities or regression outputs, (n_samples, n_outputs), double."""
        return outputs_of(self.model(self.design(table)), self.kind)


class LinearTableMethod(TableMethod):
    """Logistic or ridge regression on one table, with mean imputation of missing features.

    Subclasses may override `design` and `training_rows`.
    """

    Settings: ClassVar[type[LinearSettings]] = LinearSettings
    supports_survival: ClassVar[bool] = True

    def design(self, table: Tensor) -> Tensor:
        """Return the columns that the linear model reads, (n_samples, n_design_columns).

        By default, the columns of the table, with NaN replaced by 0, the mean of a standardised feature.

        Parameters
        ----------
        table : tensor (n_samples, n_columns), double
            With NaN where a modality is missing.
        """
        return filled(table)

    def training_rows(self, table: AnyArray) -> IntArray:
        """Return the rows of a table with NaN to which the model is fitted; default: all."""
        return np.arange(len(table))

    def linear(self) -> LinearTable:
        """Return the module that maps the table to predictions."""
        model = LinearModel(self.table_arrays["coefficients"], self.table_arrays["intercepts"])
        return LinearTable(self.design, model, self.schema.target_kind)

    def prediction_module(self) -> nn.Module:
        """Return the features of the table, then the linear model; see `Method.prediction_module`."""
        return nn.Sequential(self.features(), self.linear())

    def _fit_table(self, table: AnyArray, target: Target, groups: AnyArray | None, seed: int) -> dict[str, AnyArray]:
        rows = self.training_rows(table)
        columns = self.design(torch.from_numpy(table[rows])).numpy()
        groups = None if groups is None else groups[rows]
        settings = cast(LinearSettings, self.settings)
        coefficients, intercepts = fit_linear(columns, target.take(rows), settings, groups)
        return {"coefficients": coefficients, "intercepts": intercepts}

    def _predict_table(self, table: AnyArray) -> AnyArray:
        return np.asarray(self.linear()(torch.from_numpy(table)))


def filled(table: Tensor) -> Tensor:
    """Return a table in which NaN is replaced by 0, the mean of a standardised feature."""
    return torch.where(table.isnan(), 0.0, table)


def block_starts(widths: Mapping[str, int]) -> IntArray:
    """Return the first column of each modality in a table, (n_modalities,)."""
    return np.cumsum([0, *widths.values()])[:-1]


def with_missing_indicators(table: Tensor, widths: Mapping[str, int]) -> Tensor:
    """Return a table with 0 for NaN, and with one more column per modality that is 1 where the modality is missing.

    Parameters
    ----------
    table : tensor (n_samples, n_columns), double
        With NaN where a modality is missing.
    widths : mapping of str to int
        Number of columns of each modality.
    """
    missing = table.index_select(1, torch.from_numpy(block_starts(widths))).isnan().double()
    return torch.cat([filled(table), missing], dim=1)
