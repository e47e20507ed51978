"""Sources of a join: tables, archives and folders whose rows, arrays or files belong to ids."""

import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from redcore._types import AnyArray, IntArray
from redcore._validation import numeric_array
from redcore.data._columns import ColumnOptions, cleaned_columns, matching
from redcore.data._csv import SUFFIXES, is_csv, read_csv
from redcore.data._mixed import mixed_columns
from redcore.data._npy import NPY_ERRORS, read_npy
from redcore.exceptions import DataError, NonFiniteError, shortened

__all__ = ["JoinSource", "columns_by_id", "names_file", "read_join_source", "split_columns", "table_columns"]

PARQUET = (".parquet", ".pq")
FILES = (".npy", ".csv", ".tsv")
ALWAYS_ALLOWED_BYTES, MAX_EXPANSION = 2**26, 1100
"""An npz archive may declare `MAX_EXPANSION` bytes per byte, and always `ALWAYS_ALLOWED_BYTES`."""
SHOWN_COLUMNS = 10
ARCHIVE_ERRORS = (*NPY_ERRORS, zipfile.BadZipFile, zlib.error, KeyError, RuntimeError)


@dataclass(frozen=True, eq=False)
class JoinSource:
    """Values of one modality by id.

    Attributes
    ----------
    where : str
        File, folder or modality, for error messages.
    ids : str array (n_ids,)
        Unique ids as text.
    values : array (n_ids, n_features) or list of n_ids arrays
        Vectors of a table; or the arrays of an archive or folder, (n_features,) or (time, n_features).
    feature_names : tuple of str or None
        Names of the columns of a table.
    categories : dict of str to tuple of str
        Categories of the columns that are categories, and different texts of those that are free text, by name.
    text : tuple of str
        Columns that are free text.
    """

    where: str
    ids: AnyArray
    values: Any
    feature_names: tuple[str, ...] | None = None
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    text: tuple[str, ...] = ()

    def aligned(self, rows: IntArray, n_samples: int) -> Any:
        """Return the values for all samples; `rows` are the samples of the ids, -1 for ids that are left out."""
        chosen = np.flatnonzero(rows >= 0)
        if isinstance(self.values, list):
            entries: list[Any] = [None] * n_samples
            for index in chosen:
                entries[rows[index]] = self.values[index]
            return entries
        aligned = np.full((n_samples, self.values.shape[1]), np.nan)
        aligned[rows[chosen]] = self.values[chosen]
        return aligned

    def check_cells(self, allow_nan: bool) -> None:
        """Raise `NonFiniteError` for an infinite cell, and for an empty cell in a row that is not empty.

        Parameters
        ----------
        allow_nan : bool
            If True, empty cells are no error.
        """
        if isinstance(self.values, list) or self.feature_names is None:
            return
        bad = np.isinf(self.values)
        if not allow_nan:
            empty = np.isnan(self.values)
            bad |= empty & ~empty.all(axis=1, keepdims=True)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            value = self.values[row, column]
            cell = "empty in a row with other values" if np.isnan(value) else f"{value}, expected a finite number"
            name = self.feature_names[column]
            raise NonFiniteError(f"{self.where}: row of id {self.ids[row].item()!r}, column {name!r} is {cell}")


def read_join_source(
    name: str,
    source: Any,
    on: str | None,
    options: ColumnOptions,
    transposed: bool = False,
    excluded: Collection[str] = (),
) -> JoinSource:
    """Read the values of one modality by id.

    Parameters
    ----------
    name : str
        Modality.
    source : path, str, data frame or mapping
        See `redcore.data.MultimodalData.join`.
    on : str or None
        Column of the ids of tables.
    options : ColumnOptions
    transposed : bool, default False
        If True, the rows of the table are features and its columns are samples. The first column has the names of the
        features.
    excluded : collection of str
        Columns that are no features, such as the target.

    Raises
    ------
    DataError
        If the source cannot be read. The message names file, row, column or id.
    """
    what = f"modality {name!r}"
    if isinstance(source, Mapping):
        return _arrays_by_id(what, list(source), [np.asarray(values) for values in source.values()])
    if not isinstance(source, str | Path):
        return _of_table(what, _frame(what, source, on), on or "", transposed, (), excluded, options)
    path, patterns = split_columns(source)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder ({what})")
    if path.is_dir():
        return _folder(path, options)
    if path.suffix.lower() == ".npz":
        return _archive(path)
    if on is None and not transposed:
        raise DataError(f"{path}: the column of the ids is not defined; set on='patient_id' (--id patient_id)")
    table = _read_table(path, on, transposed, options)
    return _of_table(str(path), table, on or "", transposed, patterns, excluded, options)


def names_file(source: Any, path: Path) -> bool:
    """Return True if `source` is the file at `path`."""
    return isinstance(source, str | Path) and split_columns(source)[0].resolve() == path.resolve()


def split_columns(source: str | Path) -> tuple[Path, tuple[str, ...]]:
    """Split ``file:column,column`` into the path and the columns; a path without columns gets none."""
    path, colon, columns = str(source).rpartition(":")
    if not colon or Path(source).exists():
        return Path(source), ()
    return Path(path), tuple(column.strip() for column in columns.split(",") if column.strip())


def columns_by_id(path: Path, on: str, columns: Sequence[str], options: ColumnOptions) -> tuple[AnyArray, pa.Table]:
    """Return the ids of a table, (n_rows,), and some of its columns. In CSV, a single column is text as in the file."""
    table = _read_table(path, on, False, options, columns if len(columns) == 1 else ())
    for name in columns:
        _column(str(path), table, name)
    return _ids(str(path), table, on), table.select(list(columns))


def table_columns(path: Path, on: str) -> list[str]:
    """Return the names of the columns of a table with ids in column `on`."""
    return list(_read_table(path, on, False, ColumnOptions()).column_names)


def _read_table(
    path: Path, on: str | None, transposed: bool, options: ColumnOptions, text: Sequence[str] = ()
) -> pa.Table:
    """Read a table. Since the ids need a header, the names of the columns may be numbers.

    In CSV, ids, categories, the columns `text` and the first column of a transposed table are text as it stands in the
    file.
    """

    def text_columns(names: list[str]) -> list[str]:
        if transposed:
            return names[:1]
        return [name for name in names if name == on or name in text or options.declared_in([name])]

    try:
        if is_csv(path):
            has_header = options.header is None and (transposed or on is not None)
            return read_csv(path, options.replace(header=True) if has_header else options, text_columns, not transposed)
        if path.suffix.lower() not in PARQUET:
            raise DataError(f"expected a table ({', '.join((*SUFFIXES, *PARQUET))}), an npz archive or a folder")
        return pq.read_table(path, use_threads=False)
    except (pa.ArrowException, *NPY_ERRORS) as error:
        if isinstance(error, DataError):
            raise DataError(f"{path}: {error}") from None
        raise DataError(f"{path}: not a readable table ({' '.join(str(error).split())[:200]})") from None


def _of_table(
    where: str,
    table: pa.Table,
    on: str,
    transposed: bool,
    patterns: Sequence[str],
    excluded: Collection[str],
    options: ColumnOptions,
) -> JoinSource:
    repeated = _repeated(table.column_names)
    if repeated is not None:
        first, second = repeated
        what = "id" if transposed else "column"
        name = table.column_names[first]
        raise DataError(f"{where}: {what} {name!r} occurs twice, in columns {first + 1} and {second + 1}")
    if not table.num_rows:
        raise DataError(f"{where}: the table has no rows")
    if transposed:
        return _of_transposed(where, table, patterns, options)
    ids = _ids(where, table, on)
    names = [name for name in table.column_names if name != on and name not in excluded]
    if patterns:
        names = _matching(where, names, patterns)
    if not names:
        raise DataError(f"{where}: no columns of features besides {on!r}")
    values, categories = _matrix(where, table, names, ids, options)
    return JoinSource(where, ids, values, tuple(names), categories, tuple(options.text_in(names)))


def _of_transposed(where: str, table: pa.Table, patterns: Sequence[str], options: ColumnOptions) -> JoinSource:
    """Return the values of a table with features in rows, samples in columns, and feature names in the first column."""
    first, *ids = table.column_names
    features = ["" if name is None else str(name) for name in table[first].to_pylist()]
    if "" in features:
        raise DataError(f"{where}: row {features.index('') + 1} has no feature name in column {first!r}")
    repeated = _repeated(features)
    if repeated is not None:
        rows = f"rows {repeated[0] + 1} and {repeated[1] + 1}"
        raise DataError(f"{where}: feature {features[repeated[0]]!r} occurs twice, in {rows}")
    if not ids:
        raise DataError(f"{where}: no columns of samples after the feature names in column {first!r}")
    names = tuple(map(str, features))
    by_feature, _ = _matrix(where, table, ids, np.array(names), options, "feature", only_numbers=True)
    values = by_feature.T
    if patterns:
        chosen = _matching(where, names, patterns)
        values = values[:, [names.index(name) for name in chosen]]
        names = tuple(chosen)
    return JoinSource(where, np.array(ids), values, names)


def _matrix(
    where: str,
    table: pa.Table,
    names: Sequence[str],
    rows: AnyArray,
    options: ColumnOptions,
    kind: str = "id",
    only_numbers: bool = False,
) -> tuple[AnyArray, dict[str, tuple[str, ...]]]:
    """Return columns as float64 (n_rows, n_columns), and the categories of those that are categories.

    Parameters
    ----------
    where : str
    table : pyarrow.Table
    names : sequence of str
    rows : array (n_rows,)
        Ids or features of the rows, for messages.
    options : ColumnOptions
    kind : str
        What the rows are.
    only_numbers : bool
        If True, columns other than numbers are errors.
    """
    values = np.empty((table.num_rows, len(names)), order="F")
    categories: dict[str, tuple[str, ...]] = {}
    declared = () if only_numbers else options.declared_in(names)
    position = {name: index for index, name in enumerate(table.column_names)}
    for index, name in enumerate(names):
        column = table.column(position[name])
        if name in declared or options.na_values or not _is_numeric(column.type):
            try:
                column = cleaned_columns(Path(where), table, "values", [name], options.na_values, declared)[name]
                mixed = mixed_columns(where, {name: column})
            except DataError as error:
                raise _cell_error(where, name, kind, rows, column, str(error)) from None
            if mixed.categories and only_numbers:
                raise _cell_error(where, name, kind, rows, column, "expected numbers")
            categories |= mixed.categories
            values[:, index] = mixed.values[:, 0]
            continue
        values[:, index] = column.cast(pa.float64()).to_numpy()
    return values, categories


def _is_numeric(kind: pa.DataType) -> bool:
    checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    return any(check(kind) for check in checks)


def _cell_error(where: str, name: str, kind: str, rows: AnyArray, column: pa.ChunkedArray, reason: str) -> DataError:
    """Return an error that names the first cell that is not a number."""
    for row, entry in enumerate(column.to_pylist()):
        try:
            float("nan" if entry is None else entry)
        except (ValueError, TypeError):
            cell = f"row of {kind} {rows[row].item()!r}: {str(entry)[:40]!r} is not a number"
            return DataError(
                f"{where}: column {name!r}, {cell}; leave the column out (select columns as FILE:COLUMN,COLUMN) or "
                "encode it as numbers"
            )
    return DataError(f"{where}: column {name!r}: {reason}")


def _column(where: str, table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        shown = shortened(table.column_names, SHOWN_COLUMNS, str)
        raise DataError(f"{where}: no column {name!r}; columns: {shown}")
    return table[name]


def _ids(where: str, table: pa.Table, on: str) -> AnyArray:
    try:
        column = _column(where, table, on)
    except DataError as error:
        raise DataError(f"{error} (if rows are features and columns are samples, transpose the modality)") from None
    kind = column.type
    is_text = any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
    if not (is_text or pa.types.is_integer(kind) or pa.types.is_dictionary(kind)):
        raise DataError(f"{where}: column {on!r} of ids is {kind}, expected text or whole numbers")
    return _checked_ids(where, column.to_pylist())


def _checked_ids(where: str, entries: Iterable[Any]) -> AnyArray:
    """Return ids as text; raise `DataError` for the first row without id and for the first repeated id."""
    ids = [None if entry is None else str(entry) for entry in entries]
    for row, entry in enumerate(ids):
        if entry is None or not entry.strip():
            raise DataError(f"{where}: row {row + 1} has no id")
    repeated = _repeated(ids)
    if repeated is not None:
        first, second = repeated
        raise DataError(f"{where}: id {ids[first]!r} occurs twice, in rows {first + 1} and {second + 1}")
    return np.array(ids, dtype=str)


def _repeated(names: Sequence[Any]) -> tuple[int, int] | None:
    """Return the first two positions of the first repeated name, None if all differ."""
    seen: dict[Any, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            return seen[name], index
        seen[name] = index
    return None


def _matching(where: str, names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    columns: dict[str, None] = {}
    for pattern in patterns:
        matches = matching(names, pattern)
        if not matches:
            shown = shortened(names, SHOWN_COLUMNS, str)
            raise DataError(f"{where}: no column matches {pattern!r}; columns: {shown}")
        columns.update(dict.fromkeys(matches))
    return list(columns)


def _frame(what: str, frame: Any, on: str | None) -> pa.Table:
    """Return a pandas, polars or Arrow frame as an Arrow table. The index of a pandas frame is the column `on`."""
    if isinstance(frame, pa.Table):
        return frame
    if hasattr(frame, "to_arrow"):
        return frame.to_arrow()
    if not (hasattr(frame, "reset_index") and hasattr(frame, "columns")):
        raise DataError(
            f"{what} is a {type(frame).__name__}, expected a path, a data frame, or a mapping of ids to arrays"
        )
    if on not in frame.columns:
        frame = frame.reset_index(names=on or "")
    frame = frame.rename(columns=str)
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, *NPY_ERRORS) as error:
        raise DataError(f"{what}: not a readable frame ({' '.join(str(error).split())[:200]})") from None


def _archive(path: Path) -> JoinSource:
    """Read an npz archive whose keys are ids."""
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: a single array, expected an archive with one array per id")
            ids = list(archive.files)
            entries = [] if archive.zip is None else archive.zip.infolist()
            n_bytes = sum(entry.file_size for entry in entries)
            if n_bytes > max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * path.stat().st_size):
                raise DataError(f"{path}: declares {n_bytes} bytes, too many for a file of this size")
            return _arrays_by_id(str(path), ids, [archive[name] for name in ids])
    except ARCHIVE_ERRORS as error:
        if isinstance(error, DataError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable npz archive: truncated, or of another format ({reason})") from None


def _folder(path: Path, options: ColumnOptions) -> JoinSource:
    """Read a folder with one file per id: arrays as .npy, or sequences as .csv or .tsv with a header."""
    files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    for file in files:
        if not file.is_file() or file.suffix.lower() not in FILES:
            raise DataError(f"{file}: expected a file <id>.npy, <id>.csv or <id>.tsv")
    if not files:
        raise DataError(f"{path}: the folder is empty")
    if {file.suffix.lower() for file in files} <= {".npy"}:
        return _arrays_by_id(str(path), [file.stem for file in files], [read_npy(file) for file in files])
    names: tuple[str, ...] | None = None
    entries = []
    for file in files:
        if file.suffix.lower() == ".npy":
            raise DataError(f"{file}: expected a table like the other files of the folder")
        table = _read_table(file, None, False, options)
        columns = tuple(table.column_names)
        if names is not None and columns != names:
            raise DataError(f"{file}: the columns differ from those of {files[0].name}")
        names = columns
        steps = np.array([f"step {step + 1}" for step in range(table.num_rows)])
        step_values, _ = _matrix(str(file), table, columns, steps, options, "step", only_numbers=True)
        entries.append(step_values if table.num_rows else None)
    ids = _checked_ids(str(path), [file.stem for file in files])
    return JoinSource(str(path), ids, entries, names)


def _arrays_by_id(where: str, names: Sequence[Any], arrays: list[AnyArray]) -> JoinSource:
    ids = _checked_ids(where, names)
    if not len(ids):
        raise DataError(f"{where}: contains no arrays")
    checked = [numeric_array(f"{where}: id {name.item()!r}", array) for name, array in zip(ids, arrays, strict=True)]
    first = checked[0]
    for name, array in zip(ids, checked, strict=True):
        if array.ndim not in (1, 2) or array.ndim != first.ndim or array.shape[-1] != first.shape[-1]:
            raise DataError(
                f"{where}: id {name.item()!r} has shape {array.shape}, expected (n_features,) or (time, n_features) "
                f"with the dimensions and features of id {ids[0].item()!r}, {first.shape}"
            )
        if np.isinf(array).any():
            raise NonFiniteError(f"{where}: id {name.item()!r} contains infinite values")
    return JoinSource(where, ids, checked)
