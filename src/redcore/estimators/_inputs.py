"""Conversion of estimator inputs X to `MultimodalData`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
from scipy.sparse import issparse

from redcore._types import AnyArray
from redcore._validation import NanPolicy, check_known
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError

__all__ = ["as_data", "columns_by_name", "is_table"]

SINGLE_MODALITY = "features"
"""Name of the single modality of a two-dimensional X if `modalities` is None."""


def as_data(
    X: Any,
    target: Target | None = None,
    *,
    modalities: Mapping[str, Any] | None = None,
    availability: Any = None,
    groups: Any = None,
    nan_rows: NanPolicy = "keep",
    partial: bool = False,
) -> MultimodalData:
    """Convert X to `MultimodalData`.

    Parameters
    ----------
    X : mapping, 2-D array, DataFrame or MultimodalData
        A mapping of modality names to arrays or lists, in which a row of NaN, or None in a list, stands for a missing
        modality; or a table whose columns are assigned by `modalities`.
    target : Target, optional
    modalities : mapping of str to columns, optional
        Columns of each modality of a table: a slice, a list of column indices, or, for a DataFrame, of column names.
        Default: one modality with all columns.
    availability : bool array (n_samples, n_modalities) or mapping, optional
        Availability mask, True for observed modalities. Columns have the order of the modalities in X or `modalities`.
    groups : array (n_samples,), optional
    nan_rows : {"keep", "error", "missing"}, default "keep"
        Treatment of a row with some NaN values: keep them as missing cells, raise an error, or consider the modality of
        this sample missing.
    partial : bool, default False
        If True, all columns of a modality can be absent from a DataFrame; the modality is then missing.

    Raises
    ------
    DataError
        If the input is not valid. The message names the modality and, if applicable, row or column.
    """
    if isinstance(X, MultimodalData):
        return _from_data(X, target, availability, groups)
    if isinstance(X, Mapping):
        arrays = dict(X)
    elif modalities is not None:
        arrays = {name: _columns(X, name, columns, partial) for name, columns in modalities.items()}
    else:
        arrays = {SINGLE_MODALITY: X}
    return MultimodalData.from_arrays(arrays, target, availability=availability, groups=groups, nan_rows=nan_rows)


def is_table(X: Any) -> bool:
    """Return True if X is a table with one row per sample, or an object that scikit-learn converts to one."""
    if issparse(X):  # some are mappings; scikit-learn raises the error for sparse input
        return True
    if isinstance(X, Mapping | MultimodalData):
        return False
    if isinstance(X, list | tuple):
        return not any(entry is None or np.ndim(entry) == 2 for entry in X)
    return len(getattr(X, "shape", (0, 0))) != 3


def columns_by_name(X: Any, modalities: Mapping[str, Any] | None) -> TypeGuard[Any]:
    """Return True if X is a DataFrame and `modalities` selects columns by name."""
    return hasattr(X, "iloc") and modalities is not None and any(map(_are_names, modalities.values()))


def _are_names(columns: Any) -> bool:
    if isinstance(columns, slice):
        return any(not isinstance(end, int | None) for end in (columns.start, columns.stop))
    return all(isinstance(column, str) for column in columns)


def _from_data(data: MultimodalData, target: Target | None, availability: Any, groups: Any) -> MultimodalData:
    if groups is not None or (target is not None and len(target.values) != data.n_samples):
        raise DataError("X is MultimodalData: expected groups as part of it, and y with one entry per sample")
    data = data if availability is None else data.hide(availability)
    return data if target is None else replace(data, target=target)


def _columns(table: Any, name: str, columns: Any, partial: bool) -> AnyArray | None:
    """Return the columns of one modality of a table; None if all are absent and `partial` is True."""
    if hasattr(table, "iloc"):
        if not _are_names(columns):
            return np.asarray(table.iloc[:, columns])
        if isinstance(columns, slice):
            return np.asarray(table.loc[:, columns])
        existing = [str(column) for column in table.columns]
        if partial and not set(columns) & set(existing):
            return None
        check_known(f"column (of modality {name!r})", columns, existing)
        return np.asarray(table[list(columns)])
    array = np.asarray(table)
    if array.ndim != 2:
        raise DataError(f"X has shape {array.shape}, expected (n_samples, n_features) for columns of modality {name!r}")
    try:
        return array[:, columns]
    except IndexError as error:
        raise DataError(f"columns of modality {name!r} do not exist in X of shape {array.shape} ({error})") from None
