"""Conversion of estimator inputs X to `MultimodalData`, with samples matched by label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from redcore._types import AnyArray
from redcore._validation import NanPolicy, check_known, is_missing, unmasked
from redcore.data import (
    AlignedInputs,
    Frame,
    MultimodalData,
    Samples,
    Target,
    is_column,
    is_frame,
    labels_of,
    matching_any,
)
from redcore.exceptions import DataError, SchemaError, shortened

__all__ = ["Inputs", "as_data", "as_inputs", "as_names", "columns_by_name", "is_table", "named_columns", "with_nan"]

SINGLE_MODALITY = "features"
"""Name of the single modality of a two-dimensional X if `modalities` is None."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Values of all modalities with matched samples, before they are converted to `MultimodalData`.

    Attributes
    ----------
    X : MultimodalData or AlignedInputs
    samples : Samples
        Samples of X.
    id_column : str or None
        Column with the labels of the samples.
    index : Samples or None
        Samples by the index of X, or of its first pandas DataFrame, if the labels are in the id column.
    """

    X: MultimodalData | AlignedInputs
    samples: Samples
    id_column: str | None = None
    index: Samples | None = None

    def adopt(self, **others: Any) -> "Inputs":
        """Return the inputs with the labels of the first of `others` that has labels, if X has none."""
        labelled = {what: self._labelled(what, values) for what, values in others.items()}
        return replace(self, samples=self.samples.adopt(labelled))

    def per_sample(self, what: str, values: Any) -> Any:
        """Return an input with one row per sample, such as y, in the order of the samples of X.

        Raises
        ------
        DataError
            If the labels of `values` are not those of the samples. The message names `what`.
        """
        aligned = self.samples.aligned(what, self._labelled(what, values))
        return aligned.to_objects() if isinstance(aligned, Frame) else aligned

    def data(
        self,
        availability: Any = None,
        groups: Any = None,
        nan_rows: NanPolicy = "keep",
        text: Sequence[str] = (),
    ) -> MultimodalData:
        """Convert X to `MultimodalData`. The columns of frames that match `text` are free text."""
        if isinstance(availability, Mapping):
            availability = {name: self._labelled("availability", mask) for name, mask in availability.items()}
        availability = self._labelled("availability", availability)
        if isinstance(self.X, MultimodalData):
            if groups is not None:
                raise DataError("X is MultimodalData: expected groups as part of it")
            return self.X if availability is None else self.X.hide(availability)
        self.X.samples = self.samples
        groups = self.per_sample("groups", groups)
        columns = {name: matching_any(x.names, text) for name, x in self.X.items() if isinstance(x, Frame)}
        return MultimodalData.from_arrays(
            self.X, availability=availability, groups=groups, nan_rows=nan_rows, text=columns
        )

    def check_text(self, text: Sequence[str]) -> None:
        """Raise `DataError` if a name or pattern of `text` matches no column of a frame in X."""
        if isinstance(self.X, MultimodalData):
            return
        names = [name for x in self.X.values() if isinstance(x, Frame) for name in x.names]
        for pattern in text:
            if not matching_any(names, [pattern]):
                raise DataError(f"text: no column matches {pattern!r}; columns: {shortened(names)}")

    def _labelled(self, what: str, values: Any) -> Any:
        """Return a frame or a Series with the id column as its labels, if there is one."""
        if is_frame(values):
            values = Frame.of(what, values, self.id_column if self._has_ids(values) else None)
        if self.id_column is None or labels_of(values) is None or self._has_ids(values):
            return values
        return self._by_index(what, values)

    def _by_index(self, what: str, values: Any) -> Any:
        """Return an input without the id column in the order of X, if it has the index of X; else with its index."""
        rows = None
        if self.index is not None:
            try:
                rows = self.index.rows(what, values)
            except DataError:
                return values
        elif not _is_range(labels_of(values)):
            return values
        if isinstance(values, Frame):
            return replace(values, labels=None) if rows is None else values.take(rows)
        return np.asarray(values if rows is None else values.iloc[rows])

    def _has_ids(self, values: Any) -> bool:
        source = values.source if isinstance(values, Frame) else values
        columns = getattr(source, "column_names", getattr(source, "columns", ()))
        names = getattr(getattr(source, "index", None), "names", ())
        return self.id_column is not None and (self.id_column in list(columns) or self.id_column in list(names))


def as_data(
    X: Any,
    target: Target | None = None,
    *,
    modalities: Mapping[str, Any] | None = None,
    availability: Any = None,
    groups: Any = None,
    nan_rows: NanPolicy = "keep",
    partial: bool = False,
    id_column: str | None = None,
    text: str | Sequence[str] = (),
) -> MultimodalData:
    """Convert X to `MultimodalData`.

    Samples of pandas objects are matched by their index, and those of other frames by `id_column`. The result has the
    union of the samples of all modalities, in the order of their first appearance: first the samples of the first
    modality in X, then those that occur only in later modalities. Samples of arrays are matched by position.

    Parameters
    ----------
    X : mapping, 2-D array, DataFrame or MultimodalData
        A mapping of modality names to arrays, lists or frames, in which a row of NaN, or None in a list, stands for a
        missing modality; or a table whose columns are assigned by `modalities`. Frames are pandas or polars DataFrames
        or Arrow tables.
    target : Target, optional
        Target with one entry per sample, in the order of the samples.
    modalities : mapping of str to columns, optional
        Columns of each modality of a table: a slice, a list of column indices, or, for a frame, of column names.
        Default: one modality with all columns; if the columns of a DataFrame are a MultiIndex, one modality per label
        of its first level.
    availability : bool array or DataFrame (n_samples, n_modalities), or mapping, optional
        Availability mask, True for observed modalities. The columns of an array have the order of the modalities in X
        or `modalities`. Those of a DataFrame are matched by name.
    groups : array (n_samples,), optional
    nan_rows : {"keep", "error", "missing"}, default "keep"
        Treatment of a row with some NaN values: keep them as missing cells, raise an error, or consider the modality of
        this sample missing.
    partial : bool, default False
        If True, all columns of a modality can be absent from a frame; the modality is then missing.
    id_column : str, optional
        Column of the frames with the labels of the samples. It is not a feature.
    text : str or sequence of str, default ()
        Columns of frames that are free text, as names or glob patterns.

    Raises
    ------
    DataError
        If the input is not valid. The message names the modality and, if applicable, row or column.

    Examples
    --------
    >>> import pandas as pd
    >>> rna = pd.DataFrame({"g1": [0.1, 0.2]}, index=["anna", "ben"])
    >>> lipids = pd.DataFrame({"l1": [5.0, 6.0]}, index=["ben", "carl"])
    >>> data = as_data({"rna": rna, "lipids": lipids})
    >>> data.sample_ids.tolist(), data.missing_rates["rna"] == 1 / 3
    (['anna', 'ben', 'carl'], True)
    """
    inputs = as_inputs(X, modalities, partial, id_column).adopt(groups=groups)
    inputs.check_text(as_names(text))
    data = inputs.data(availability, groups, nan_rows, as_names(text))
    if target is None:
        return data
    inputs.samples.rows("target", target.values)
    if len(target.values) != data.n_samples:
        raise DataError(f"target has {len(target.values)} entries, expected {data.n_samples} (one per sample)")
    return replace(data, target=target)


def as_inputs(
    X: Any, modalities: Mapping[str, Any] | None = None, partial: bool = False, id_column: str | None = None
) -> Inputs:
    """Match the samples of X. See `as_data` for the parameters."""
    if isinstance(X, MultimodalData):
        return Inputs(X, Samples.of_ids(X.sample_ids), id_column)
    if isinstance(X, Mapping):
        arrays = {name: Frame.of(f"modality {name!r}", x, id_column) if is_frame(x) else x for name, x in X.items()}
    elif is_frame(X):
        frame = Frame.of("X", X, id_column)
        arrays = _frame_modalities(frame, modalities, partial)
    elif modalities is not None:
        arrays = {name: _array_columns(X, name, columns) for name, columns in modalities.items()}
    else:
        arrays = {SINGLE_MODALITY: X}
    inputs = AlignedInputs(arrays, one_table=not isinstance(X, Mapping))
    frames = [frame for frame in (X.values() if isinstance(X, Mapping) else [X]) if hasattr(frame, "iloc")]
    index = None if id_column is None or not frames else AlignedInputs({"X": frames[0]}, one_table=True).samples
    return Inputs(inputs, inputs.samples, id_column, index)


def as_names(text: str | Sequence[str] | None) -> list[str]:
    """Return the parameter `text` of an estimator as a list."""
    return [text] if isinstance(text, str) else list(text or ())


def is_table(X: Any) -> bool:
    """Return True if X is a table with one row per sample, or an object that scikit-learn converts to one.

    Raises
    ------
    DataError
        If X is a Series or another single column.
    """
    if issparse(X):  # some are mappings; scikit-learn raises the error for sparse input
        return True
    if isinstance(X, Mapping | MultimodalData):
        return False
    if is_column(X):
        raise DataError(
            f"X is a {type(X).__name__}, expected a table with one row per sample; pass one row of a DataFrame as "
            "frame.loc[[label]] (or series.to_frame().T), and one column as frame[[name]]"
        )
    if isinstance(X, list | tuple):
        return not any(entry is None or np.ndim(entry) == 2 for entry in X)
    return len(getattr(X, "shape", (0, 0))) != 3


def columns_by_name(X: Any, modalities: Mapping[str, Any] | None) -> bool:
    """Return True if X is a frame and `modalities` selects columns by name."""
    return is_frame(X) and modalities is not None and any(map(_are_names, modalities.values()))


def named_columns(frame: Frame, modalities: Mapping[str, Any] | None) -> dict[str, list[Any]] | None:
    """Return the columns of each modality of a frame as lists of their names; None if `modalities` is None."""
    if modalities is None:
        return None
    arrays = _frame_modalities(frame, modalities, partial=False)
    return {name: list(selected.columns) for name, selected in arrays.items() if selected is not None}


def with_nan(table: Any) -> Any:
    """Return a table with NaN for masked cells and for pandas.NA, which scikit-learn does not know."""
    table = unmasked(table)
    if not isinstance(table, np.ndarray | list | tuple):
        return table
    try:
        array = np.asarray(table)
    except ValueError:  # ragged lists; scikit-learn raises the error
        return table
    if array.dtype.kind != "O":
        return table
    missing = [is_missing(cell) for cell in array.ravel()]
    return np.where(np.reshape(missing, array.shape), np.nan, array) if any(missing) else table


def _are_names(columns: Any) -> bool:
    if isinstance(columns, slice):
        return any(not isinstance(end, int | None) for end in (columns.start, columns.stop))
    return all(isinstance(column, str | tuple) for column in columns)


def _frame_modalities(frame: Frame, modalities: Mapping[str, Any] | None, partial: bool) -> dict[str, Frame | None]:
    if modalities is not None:
        return {name: _frame_columns(frame, name, columns, partial) for name, columns in modalities.items()}
    if not (frame.columns and all(isinstance(column, tuple) for column in frame.columns)):
        return {SINGLE_MODALITY: frame}
    places: dict[str, list[int]] = {}
    for place, column in enumerate(frame.columns):
        assert isinstance(column, tuple)
        places.setdefault(str(column[0]), []).append(place)
    selected = {name: frame.select(some) for name, some in places.items()}
    # the first level is the modality, the other levels name the features
    return {
        name: replace(x, columns=tuple(_lower_levels(column) for column in x.columns)) for name, x in selected.items()
    }


def _lower_levels(column: Any) -> Any:
    return column[1] if len(column) == 2 else column[1:]


def _frame_columns(frame: Frame, name: str, columns: Any, partial: bool) -> Frame | None:
    """Return the columns of one modality of a frame; None if all are absent and `partial` is True."""
    place = {column: position for position, column in enumerate(frame.columns)}
    columns = columns if isinstance(columns, slice) else _without_first_level(frame, columns)
    if isinstance(columns, slice) and _are_names(columns):
        for end in (columns.start, columns.stop):
            if end is not None:
                _check_columns(name, [end], place)
        first = 0 if columns.start is None else place[columns.start]
        last = len(place) - 1 if columns.stop is None else place[columns.stop]
        return frame.select(range(first, last + 1, columns.step or 1))
    if not _are_names(columns):
        return frame.select(_positions(len(frame.columns), name, columns))
    absent = [column for column in columns if column not in place]
    if partial and len(absent) == len(columns):
        return None
    if partial and absent:
        raise SchemaError(
            f"X is without the columns {shortened(absent)} of modality {name!r}; expected all of its columns, or none "
            "of them if the modality is missing"
        )
    _check_columns(name, columns, place)
    return frame.select([place[column] for column in columns])


def _without_first_level(frame: Frame, columns: Any) -> Any:
    """Replace each label of the first level of a MultiIndex by all columns below it."""
    if not any(isinstance(column, tuple) for column in frame.columns):
        return columns
    below = {label: [c for c in frame.columns if isinstance(c, tuple) and c[0] == label] for label in columns}
    return [column for label in columns for column in below[label] or [label]]


def _check_columns(name: str, columns: Any, known: Any) -> None:
    check_known(f"column (of modality {name!r})", map(str, columns), map(str, known))


def _positions(n_columns: int, name: str, columns: Any) -> list[int]:
    try:
        return [int(place) for place in np.atleast_1d(np.arange(n_columns)[columns])]
    except IndexError as error:
        raise DataError(f"columns of modality {name!r} do not exist in X with {n_columns} columns ({error})") from None


def _array_columns(table: Any, name: str, columns: Any) -> AnyArray:
    array = np.asarray(table)
    if array.ndim != 2:
        raise DataError(f"X has shape {array.shape}, expected (n_samples, n_features) for columns of modality {name!r}")
    try:
        return array[:, columns]
    except IndexError as error:
        raise DataError(f"columns of modality {name!r} do not exist in X of shape {array.shape} ({error})") from None


def _is_range(index: Any) -> bool:
    return type(index).__name__ == "RangeIndex"
