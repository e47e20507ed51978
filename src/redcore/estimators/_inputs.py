"""What users hold as X, turned into `MultimodalData`."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
from scipy.sparse import issparse

from redcore._types import AnyArray
from redcore._validation import NanPolicy, check_known
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError

__all__ = ["as_data", "columns_by_name", "is_table"]

SINGLE_MODALITY = "features"
"""Name of the one modality of a two-dimensional X without `modalities`."""


def as_data(
    X: Any,
    target: Target | None = None,
    *,
    modalities: Mapping[str, Any] | None = None,
    availability: Any = None,
    groups: Any = None,
    nan_rows: NanPolicy = "error",
    partial: bool = False,
) -> MultimodalData:
    """Turn what users hold into `MultimodalData`.

    Parameters
    ----------
    X : mapping, 2-D array, DataFrame or MultimodalData
        A mapping of modality name to array or list (a row of NaN, or None in a list, is missing); or a table
        whose columns `modalities` assigns.
    target : Target, optional
    modalities : mapping of str to columns, optional
        For a table: per modality a slice, a list of column numbers, or (DataFrame) of column names.
    availability : bool array (n_samples, n_modalities) or mapping, optional
        True = observed, columns in the order of the modalities given.
    groups : array (n_samples,), optional
    nan_rows : {"error", "missing"}
        What a NaN inside an otherwise observed row means.
    partial : bool, default False
        Whether a DataFrame may lack all columns of a modality, which is missing then.
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
    """Whether X is an array or a DataFrame with one row per sample, or something that scikit-learn makes one of."""
    if issparse(X):  # some of them are mappings; what they are told is scikit-learn's to say
        return True
    if isinstance(X, Mapping | MultimodalData):
        return False
    if isinstance(X, list | tuple):
        return not any(entry is None or np.ndim(entry) == 2 for entry in X)
    return len(getattr(X, "shape", (0, 0))) != 3


def columns_by_name(X: Any, modalities: Mapping[str, Any] | None) -> TypeGuard[Any]:
    """Whether X is a DataFrame from which modalities take columns by their names."""
    return hasattr(X, "iloc") and modalities is not None and any(map(_are_names, modalities.values()))


def _are_names(columns: Any) -> bool:
    if isinstance(columns, slice):
        return any(not isinstance(end, int | None) for end in (columns.start, columns.stop))
    return all(isinstance(column, str) for column in columns)


def _from_data(data: MultimodalData, target: Target | None, availability: Any, groups: Any) -> MultimodalData:
    if groups is not None or (target is not None and len(target.values) != data.n_samples):
        raise DataError("X is MultimodalData: groups belong in it, and y must have one entry per sample")
    data = data if availability is None else data.hide(availability)
    return data if target is None else MultimodalData(data.modalities, target, data.groups, data.sample_ids, data.split)


def _columns(table: Any, name: str, columns: Any, partial: bool) -> AnyArray | None:
    """Select the columns of one modality from an array or a DataFrame; None if they may be, and are, all absent."""
    if hasattr(table, "iloc"):
        if not _are_names(columns):
            return np.asarray(table.iloc[:, columns])
        if isinstance(columns, slice):
            return np.asarray(table.loc[:, columns])
        there = [str(column) for column in table.columns]
        if partial and not set(columns) & set(there):
            return None
        check_known(f"column (of modality {name!r})", columns, there)
        return np.asarray(table[list(columns)])
    array = np.asarray(table)
    if array.ndim != 2:
        raise DataError(f"X has shape {array.shape}, expected (n_samples, n_features) for columns of modality {name!r}")
    try:
        return array[:, columns]
    except IndexError as error:
        raise DataError(f"columns of modality {name!r} do not exist in X of shape {array.shape} ({error})") from None
