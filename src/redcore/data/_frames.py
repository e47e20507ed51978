"""Column names, sample labels and numeric values of pandas, polars and Arrow objects, without importing them."""

import sys
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore._validation import numeric_array
from redcore.data._mixed import MixedColumns, mixed_columns
from redcore.data._precision import packed_dtype, sampled_rows, warn_of_rounding
from redcore.exceptions import DataError, shortened

__all__ = [
    "Frame",
    "NamedEntries",
    "available_memory",
    "column_values",
    "is_column",
    "is_frame",
    "library",
    "plain_values",
]

LIBRARIES = ("pandas", "polars", "pyarrow")
COLUMNS_AT_ONCE = 4096
"""Number of columns of a sparse array that are dense at once to decide its type."""


def library(values: Any) -> str | None:
    """Return the library of a class, or of the class of an object, or of a parent class; None if not in `LIBRARIES`."""
    own = values if isinstance(values, type) else type(values)
    roots = (cls.__module__.partition(".")[0] for cls in own.__mro__)
    return next((root for root in roots if root in LIBRARIES), None)


def is_frame(values: Any) -> bool:
    """Return True if `values` is a pandas or polars DataFrame, an Arrow table or batch, or a `Frame`."""
    attribute = {"pandas": "iloc", "polars": "get_column", "pyarrow": "column_names"}.get(library(values) or "")
    if attribute is None or not hasattr(values, attribute):
        return isinstance(values, Frame)
    return hasattr(values, "columns") or hasattr(values, "column_names")


def is_column(values: Any) -> bool:
    """Return True if `values` is a single column: a pandas or polars Series, a pandas array or an Arrow array."""
    return library(values) is not None and not is_frame(values) and hasattr(values, "to_numpy")


@dataclass(frozen=True, eq=False)
class Frame:
    """Selected columns of a pandas or polars DataFrame or an Arrow table, with the labels of the samples.

    Attributes
    ----------
    source : DataFrame or table
    columns : tuple
        Labels of the selected columns.
    positions : tuple of int
        Positions of the selected columns in `source`.
    labels : sequence or None
        Labels of the samples: the index of a pandas DataFrame, or the values of the id column. None if there are none.
    """

    source: Any
    columns: tuple[Hashable, ...]
    positions: tuple[int, ...]
    labels: Any = None

    @classmethod
    def of(cls, what: str, source: Any, id_column: str | None = None) -> "Frame":
        """Describe a frame; `what` names it in error messages.

        Parameters
        ----------
        what : str
        source : pandas or polars DataFrame, Arrow table, or Frame
        id_column : str, optional
            Column with the labels of the samples, which is not among the columns of the result. For pandas, the name of
            the index is accepted as well.

        Raises
        ------
        DataError
            If the id column does not exist.
        """
        if isinstance(source, Frame):
            return source
        columns = tuple(source.column_names if library(source) == "pyarrow" else source.columns)
        frame = cls(source, columns, tuple(range(len(columns))), getattr(source, "index", None))
        if id_column is None:
            return frame
        if id_column not in columns:
            if frame.labels is not None and id_column in frame.labels.names:
                return replace(frame, labels=frame.labels.get_level_values(id_column))
            raise DataError(f"{what} has no id column {id_column!r}; columns: {shortened(columns)}")
        place = columns.index(id_column)
        others = [other for other in range(len(columns)) if other != place]
        return replace(frame.select(others), labels=_entries(frame.column(place)))

    def __len__(self) -> int:
        return int(self.source.num_rows) if library(self.source) == "pyarrow" else len(self.source)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names as text. The levels of a pandas MultiIndex are joined by "/"."""
        return tuple("/".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in self.columns)

    def select(self, places: Sequence[int]) -> "Frame":
        """Return the frame with the columns at these places among `columns`."""
        return replace(
            self,
            columns=tuple(self.columns[place] for place in places),
            positions=tuple(self.positions[place] for place in places),
        )

    def column(self, place: int) -> Any:
        """Return one column as a Series or an Arrow array."""
        position = self.positions[place]
        match library(self.source):
            case "polars":
                return self.source.to_series(position)
            case "pyarrow":
                return self.source.column(position)
            case _:
                return self.source.iloc[:, position]

    def take(self, rows: IntArray) -> "Frame":
        """Return the rows at these positions, without labels."""
        match library(self.source):
            case "polars":
                source = self.source[rows]
            case "pyarrow":
                source = self.source.take(rows)
            case _:
                source = self.source.iloc[rows]
        return replace(self, source=source, labels=None)

    def to_objects(self) -> AnyArray:
        """Return the values of any type, (n_samples, n_columns), as a pandas DataFrame converts them."""
        if library(self.source) == "pandas":
            return np.asarray(self.source.iloc[:, [*self.positions]])
        columns = [np.asarray(self.column(place)) for place in range(len(self.columns))]
        if {column.dtype.kind for column in columns} > {"b"}:
            columns = [column.astype(object) for column in columns]
        return np.stack(columns, axis=1) if columns else np.empty((len(self), 0))

    def to_array(self, what: str) -> AnyArray:
        """Return the values (n_samples, n_columns) as real numbers, with NaN for missing cells.

        Raises
        ------
        DataError
            If a column contains values that are not numbers. The message names the column.
        """
        if library(self.source) == "pandas" and all(
            _is_plain(dtype) for dtype in self.source.dtypes.iloc[[*self.positions]]
        ):
            self._warn_of_rounding(what)
            whole = len(self.positions) == self.source.shape[1] and self.positions == (*range(len(self.positions)),)
            return np.asarray(self.source if whole else self.source.iloc[:, [*self.positions]])
        columns = [
            column_values(f"{what}, column {name!r}", self.column(place)) for place, name in enumerate(self.names)
        ]
        if nested := next((name for name, values in zip(self.names, columns, strict=True) if values.ndim != 1), None):
            raise DataError(f"{what}, column {nested!r} contains vectors or lists, expected numbers")
        result = np.empty((len(self), len(columns)), np.result_type(*columns) if columns else np.float64)
        for place, values in enumerate(columns):
            if result.dtype.kind == "f":
                warn_of_rounding(f"{what}, column {self.names[place]!r}", values)
            result[:, place] = values
        return result

    def _warn_of_rounding(self, what: str) -> None:
        """Warn of whole numbers that are rounded because other columns of a pandas DataFrame have fractions."""
        dtypes = self.source.dtypes.iloc[[*self.positions]]
        if any(dtype.kind == "f" for dtype in dtypes):
            for place, dtype in enumerate(dtypes):
                if dtype in (np.int64, np.uint64):
                    warn_of_rounding(f"{what}, column {self.names[place]!r}", self.column(place).to_numpy())

    def to_numbers(self, what: str, text: Collection[str] = ()) -> "AnyArray | MixedColumns":
        """Return the values as an array of numbers, or as `MixedColumns` if a column holds categories, text or dates.

        The columns with the names `text` are free text.

        Raises
        ------
        DataError
            If a column has another type. The message names the column.
        """
        columns = [self.column(place) for place in range(len(self.columns))]
        if not text and not any(map(_is_categorical, columns)):
            try:
                return self.to_array(what)
            except DataError:
                pass
        names = self.names
        if len(set(names)) < len(names):
            return self.to_array(what)
        return mixed_columns(what, dict(zip(names, columns, strict=True)), text)


class NamedEntries(list[Any]):
    """Entries of one modality, one per sample, with features in the order of `names`."""

    def __init__(self, entries: Sequence[Any], names: tuple[str, ...]) -> None:
        super().__init__(entries)
        self.names = names


def in_common_order(what: str, entries: Sequence[Any]) -> Sequence[Any]:
    """Return entries of a modality, one per sample, with columns in the order of the first frame or named Series.

    Entries without column names are not changed. Without any names, `entries` is returned.

    Raises
    ------
    DataError
        If the columns of two entries have different names. The message begins with `what`.
    """
    if not any(library(kind) for kind in set(map(type, entries))):
        return entries
    first, names = 0, None
    result = list(entries)
    for row, entry in enumerate(entries):
        own = _entry_names(entry)
        if own is None:
            continue
        first, names = (row, own) if names is None else (first, names)
        if sorted(own) != sorted(names):
            raise DataError(
                f"{what}, row {row} has the columns {shortened(own)}, expected those of row {first}: {shortened(names)}"
            )
        order = list(range(len(own))) if own == names else [own.index(name) for name in names]
        if is_frame(entry):
            result[row] = Frame.of(what, entry).select(order).to_array(f"{what}, row {row}")
        else:
            result[row] = column_values(f"{what}, row {row}", entry.iloc[order])
    return entries if names is None else NamedEntries(result, names)


def _entry_names(entry: Any) -> tuple[str, ...] | None:
    """Return the column names of one sample: of a frame, or of a pandas Series with text as its index."""
    if is_frame(entry):
        return Frame.of("entry", entry).names
    is_named = hasattr(entry, "iloc") and all(isinstance(label, str) for label in entry.index)
    return tuple(entry.index) if is_named and len(entry) else None


def column_values(what: str, column: Any) -> AnyArray:
    """Return the values of a column as real numbers, with NaN for missing entries."""
    dtype = getattr(column, "dtype", None)
    if library(column) == "pandas" and not _is_plain(dtype) and getattr(dtype, "kind", "O") in "fiub":
        # nullable, Arrow and sparse types; a plain conversion turns pandas.NA into an object array
        column = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    elif library(column) == "pyarrow":
        column = column.to_numpy(zero_copy_only=False)
    return numeric_array(what, column)


def plain_values(what: str, values: Any) -> Any:
    """Return the values of one modality as a NumPy array, or as a list with one entry per sample.

    Parameters
    ----------
    what : str
        Name of the modality in error messages.
    values : array, list, Frame, column or SciPy sparse array
        Sparse arrays become dense. Columns of lists become lists. Other objects are returned as they are.

    Raises
    ------
    DataError
        If a value is not a number, or if a sparse array does not fit in memory as a dense one.
    """
    if _is_sparse(values):
        return _dense(what, values)
    if isinstance(values, Frame):
        return values.to_array(what)
    if isinstance(values, list | tuple):
        return in_common_order(what, values)
    if not is_column(values):
        return values
    array = np.asarray(values)
    has_entries = array.dtype.kind == "O" and any(np.ndim(entry) > 0 for entry in array)
    return in_common_order(what, list(array)) if has_entries else column_values(what, values)


def _is_sparse(values: Any) -> bool:
    # without the module, no object of its classes exists
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(values))


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub"


def _is_categorical(column: Any) -> bool:
    kind = str(getattr(column, "dtype", None) or getattr(column, "type", ""))
    return kind == "category" or kind.startswith(("Categorical", "Enum", "dictionary"))


def _entries(column: Any) -> list[Any]:
    return list(column.to_pylist() if library(column) == "pyarrow" else column.to_list())


def _dense(what: str, values: Any) -> AnyArray:
    """Return a sparse array as a dense one, if it fits in the available memory."""
    if values.ndim == 1:
        values = values.reshape(-1, 1)
    dtype = _dense_type(values)
    # the dense array and the values of the modality exist at the same time
    size, available = int(2 * np.prod(values.shape, dtype=float) * np.dtype(dtype).itemsize), available_memory()
    if available is not None and size > available:
        raise DataError(
            f"{what} is sparse with shape {tuple(values.shape)} and needs {size / 2**30:.1f} GiB as a dense array, but "
            f"{available / 2**30:.1f} GiB of memory are available; reduce its features, for example by "
            "sklearn.decomposition.TruncatedSVD"
        )
    return np.asarray(values.astype(dtype).toarray())


def _dense_type(values: Any) -> type[np.floating]:
    """Return the type of a modality with the values of a sparse array, float32 or float64."""
    if values.dtype in (np.float32, np.float16, np.bool_):
        return np.float32
    rows = values.tocsr()[sampled_rows(values.shape[0])].tocsc()
    starts = range(0, rows.shape[1], COLUMNS_AT_ONCE)
    types = (packed_dtype(rows[:, start : start + COLUMNS_AT_ONCE].toarray()) for start in starts)
    return np.float64 if np.float64 in types else np.float32


def available_memory() -> int | None:
    """Return the number of bytes of available memory; None if the system does not report it (other than Linux)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
    try:
        return min(available, int(Path("/sys/fs/cgroup/memory.max").read_text()))  # limit of a container
    except (OSError, ValueError):
        return available
