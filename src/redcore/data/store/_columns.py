"""Conversion of modalities and targets to and from Arrow columns. A null is a missing modality."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from redcore._types import AnyArray, IntArray
from redcore._validation import check_observed_values
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality
from redcore.data._schema import ModalitySchema
from redcore.data._target import Target
from redcore.data.store._card import StoredForm, StoredTarget
from redcore.exceptions import DataError, ShapeError

__all__ = ["modality_of", "numpy_of", "table_of", "target_of"]

ELEMENTS = {"float32": pa.float32(), "float64": pa.float64(), "uint8": pa.uint8(), "int32": pa.int32()}


def table_of(data: MultimodalData, dtypes: Mapping[str, str]) -> pa.Table:
    """Return `data` as one Arrow table with one row per sample, with the type ``dtypes[name]`` of each modality."""
    columns = {"sample_id": pa.array(data.sample_ids)}
    if data.groups is not None:
        columns["group"] = pa.array(data.groups)
    if data.split is not None:
        columns["split"] = pa.array(data.split.astype(np.int8))
    if data.target is not None:
        columns["y"] = _target_column(data.target)
    for name, modality in data.modalities.items():
        columns[f"x_{name}"] = _modality_column(modality, dtypes[name])
    return pa.table(columns)


def _target_column(target: Target) -> pa.Array:
    if target.is_classification:
        return pa.array(np.asarray(target.classes)[target.values])
    if target.values.ndim == 1:
        return pa.array(target.values)
    n_samples, width = target.values.shape
    offsets = pa.array(np.arange(0, (n_samples + 1) * width, width, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(target.values.ravel().astype(np.float64)))


def _modality_column(modality: Modality, dtype: str) -> pa.Array:
    missing = ~modality.availability
    n_rows, n_features = modality.values.shape
    cells = pa.array(modality.values.astype(dtype, copy=False).ravel())
    # a token is a single number and not a list of features
    steps = cells if modality.padding is not None else _lists(np.full(n_rows, n_features), cells)
    lengths = np.zeros(modality.n_samples, dtype=np.int64)
    if modality.offsets is None:
        lengths[~missing] = n_features
        return _lists(lengths, cells, missing)
    lengths[~missing] = np.diff(modality.offsets)
    return _lists(lengths, steps, missing)


def _lists(lengths: IntArray, values: pa.Array, missing: AnyArray | None = None) -> pa.Array:
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    mask = None if missing is None else pa.array(missing)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, mask=mask)


def modality_of(schema: ModalitySchema, form: StoredForm, column: pa.Array) -> Modality:
    """Return the modality of one Arrow column.

    NaN is an error unless the entry `form` of the card lists missing cells.

    Raises
    ------
    ShapeError, NonFiniteError, DataError
        If the column does not match `schema` or contains invalid values. The message names the modality and, if
        possible, the row (counted within `column`).
    """
    name = schema.name
    vector = pa.list_(ELEMENTS[form.dtype])
    is_nested = schema.is_sequence and schema.padding is None
    expected = pa.list_(vector) if is_nested else vector
    if column.type != expected:
        raise DataError(f"modality {name!r} has column type {column.type}, expected {expected}")
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    position = np.full(len(column), -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    lengths = column.drop_null().value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    # flatten skips values under nulls
    inner = column.flatten()
    if not schema.is_sequence:
        return Modality(_matrix(schema, form, inner, lengths, rows), position, shape=schema.shape)
    if (lengths == 0).any():
        row = rows[np.argmin(lengths)]
        raise ShapeError(f"modality {name!r}, row {row}: got a sequence of length 0, expected null")
    if inner.null_count:
        raise DataError(f"modality {name!r}: a time step is null")
    widths, numbers = np.ones(len(inner), dtype=np.int64), inner
    if is_nested:
        widths, numbers = inner.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64), inner.flatten()
    values = _matrix(schema, form, numbers, widths, np.repeat(rows, lengths))
    if schema.padding is not None and values.size and values.min() < 0:
        raise DataError(f"modality {name!r}: token id {values.min()}, expected at least 0")
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    return Modality(values, position, offsets, padding=schema.padding)


def _matrix(schema: ModalitySchema, form: StoredForm, numbers: pa.Array, widths: IntArray, rows: IntArray) -> AnyArray:
    """Return flat numbers as a validated array (n_rows, n_features) of the type of `form`."""
    wrong = np.flatnonzero(widths != schema.n_features)
    if wrong.size:
        raise ShapeError(
            f"modality {schema.name!r}, row {rows[wrong[0]]}: {widths[wrong[0]]} features, expected {schema.n_features}"
        )
    if numbers.null_count:
        raise DataError(f"modality {schema.name!r}: a feature is null; expected null for the whole entry if missing")
    values = np.array(numbers.to_numpy(zero_copy_only=False), dtype=form.dtype).reshape(len(rows), schema.n_features)
    check_observed_values(schema.name, values, rows, "keep" if form.missing_cells else "error")
    return values


def numpy_of(column: pa.Array) -> AnyArray:
    """Return a column of ids, groups or labels as an array of text, numbers or booleans."""
    if column.null_count:
        raise DataError("contains nulls")
    array: AnyArray = column.to_numpy(zero_copy_only=False)
    return array.astype(str) if array.dtype == object else array


def target_of(form: StoredTarget, column: pa.Array) -> Target:
    """Return the target of column ``y``."""
    if form.kind.is_classification:
        return Target.from_labels(numpy_of(column), form.class_array())
    if not pa.types.is_list(column.type):
        return Target.from_numbers(numpy_of(column))
    widths = column.value_lengths().to_numpy(zero_copy_only=False)
    if column.null_count or (widths != form.n_outputs).any():
        raise DataError(f"y contains rows without exactly {form.n_outputs} values")
    values = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), form.n_outputs)
    if form.kind.is_mixed:
        return Target(form.kind, values, parts=tuple(part.described() for part in form.parts or ()))
    if form.kind.is_survival:
        return Target.from_survival(*values.T)
    return (
        Target.from_multilabel(values, form.class_array()) if form.kind.is_multilabel else Target.from_numbers(values)
    )
