"""CSV and Parquet tables: a modality is a group of columns, or one column of lists.

The columns of each modality are given by the options, or by a YAML file next to the table with the same name
(``patients.yaml`` for ``patients.csv`` and ``patients.csv.gz``), which can contain all options::

    modalities:
      lab: ["lab_*", crp]
      ecg: "ecg_*"
    target: outcome
    id: patient

Columns of text, of Parquet dictionaries, of booleans and of dates are features too; see `redcore.data.mixed_columns`.
Option ``text`` names columns of free text.
A modality is missing in a row if all its cells are empty. In Parquet, a modality can also be one column of lists
(vectors) or of lists of lists (sequences), with null for missing modalities.

In CSV files, ids and groups are text exactly as it stands in the file. In Parquet files they keep their type.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import BeforeValidator, Field

from redcore._types import AnyArray
from redcore._validation import SPLIT_CODES, NanPolicy
from redcore.data import MultimodalData, Task, mixed_columns
from redcore.data._columns import (
    ColumnOptions,
    cleaned_columns,
    ids_of,
    matching,
)
from redcore.data._csv import is_csv, names_from_text, read_csv
from redcore.data._event import EventColumn
from redcore.data.formats._expected import Expected
from redcore.data.formats._table_target import target_of
from redcore.exceptions import DataError, DataWarning, RedCoreError, shortened

__all__ = ["Options", "read", "read_column", "read_for", "recognises", "resolved", "stream"]

SUFFIXES = (".parquet", ".pq")
ALWAYS_ALLOWED_CELLS, MAX_CELLS_PER_BYTE = 10**7, 100
"""A Parquet file may declare `MAX_CELLS_PER_BYTE` cells per byte, and always `ALWAYS_ALLOWED_CELLS`."""
MAX_YAML_BYTES = 2**20
TABLE_SPLIT_CODES = SPLIT_CODES | {f"{code}.0": code for code in range(3)}


Columns = Annotated[tuple[str, ...], BeforeValidator(names_from_text), Field(min_length=1)]


def _tasks_from_text(value: Any) -> Any:
    """Return ``"age=numbers,stage=classes"`` as a mapping; other values as they are."""
    if not isinstance(value, str):
        return value
    pairs = [entry.partition("=") for entry in names_from_text(value)]
    return {name.strip(): task.strip() for name, _, task in pairs}


class Options(ColumnOptions):
    """Options of the reader.

    Attributes
    ----------
    modalities : mapping of str to tuple of str
        Column names or glob patterns of each modality, such as ``{"audio": ["a_*"]}``.
    target : tuple of str, optional
        Column of the target, or several columns for multi-label targets and regression with several outputs.
    event : str, optional
        Events of a survival target, whose column `target` are the times: ``COLUMN=VALUE`` for the entry that stands for
        the event; other entries are censored times. ``COLUMN`` without a value for a column of 0 and 1.
    task : {"auto", "classes", "numbers", "labels", "survival", "mixed"}, default "auto"
        Read the target as classes, as a continuous target, or as labels (multi-label). "auto": labels if several
        columns contain only zeros and ones, a continuous target for other groups of columns or fractional values, else
        classes; survival if `event` is given. A warning names a column of many different whole numbers, which may be a
        continuous target. "mixed": several targets of different kinds, one per column; an empty cell is a missing value
        of this target only.
    tasks : mapping of str to {"auto", "classes", "numbers", "survival"}, optional
        Kinds of single columns of a mixed target; as text, ``"age=numbers,stage=classes"``. A column of times is
        "survival", with `event`.
    id, group, split : str, optional
        Columns of sample ids, groups and split. The split contains 0, 1, 2 or train, validation (valid, val, dev),
        test.
    nan_rows : {"keep", "error", "missing"}, default "keep"
        Treatment of rows in which only some cells of a modality are empty: keep them as missing cells, raise an error,
        or treat the modality as missing.
    """

    modalities: dict[str, Columns] = Field(default_factory=dict)
    target: Columns | None = None
    event: str | None = None
    task: Task | Literal["mixed"] = "auto"
    tasks: Annotated[dict[str, Task], BeforeValidator(_tasks_from_text)] = Field(default_factory=dict)
    id: str | None = None
    group: str | None = None
    split: str | None = None
    nan_rows: NanPolicy = "keep"


@dataclass(frozen=True)
class Source:
    """Arrow table of a file, with the options to read it.

    Attributes
    ----------
    path : Path
    table : pyarrow.Table
    options : Options
    reserved : dict of str to str
        Columns that are no features, and their role: target, event, id, group or split.
    expected : Expected or None
        Model for which the table is read. Columns may then be absent.
    """

    path: Path
    table: pa.Table
    options: Options
    reserved: Mapping[str, str]
    expected: Expected | None

    def __contains__(self, column: str | None) -> bool:
        return column in self.table.column_names

    def entries(self, role: str, column: str | None) -> AnyArray | None:
        """Return ids, groups or split; None if there is no such column."""
        if column is None or (self.expected is not None and column not in self):
            return None
        if column not in self:
            raise DataError(f"{role}: no column {column!r}; columns: {_listed(self.table.column_names)}")
        return ids_of(self.table, column)


def recognises(path: Path) -> bool:
    """Return True if the path ends in .csv, .tsv, .csv.gz, .tsv.gz, .parquet or .pq."""
    return (path.suffix.lower() in SUFFIXES or is_csv(path)) and not path.is_dir()


def read(path: Path, options: Options) -> MultimodalData:
    """Read a table.

    Raises
    ------
    DataError
        If the file is damaged, or if a column does not exist or is not numeric. The message names file and column.
    """
    return _read(path, resolved(path, options), None)


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read a table for a model.

    Options are those of the training data, overridden by the YAML file next to the table and by `options`. The target
    gets kind and classes of the model. A modality without any column is missing.

    Raises
    ------
    DataError
        As `read`.
    """
    return _read(path, _resolved_for(path, options, expected), expected)


def _resolved_for(path: Path, options: Options, expected: Expected) -> Options:
    options = _merged_with_yaml(path, options, expected.options)
    named = {modality.name: modality.feature_names for modality in expected.schema.modalities if modality.feature_names}
    return _checked(path, options if options.modalities or not named else options.replace(modalities=named))


def resolved(path: Path, options: Options) -> Options:
    """Return the options of the YAML file next to the table, overridden by `options`.

    Raises
    ------
    DataError
        If neither defines modalities, or if the YAML file is invalid.
    """
    return _checked(path, _merged_with_yaml(path, options))


def stream(path: Path, options: Options, n_rows: int, expected: Expected | None = None) -> Iterator[MultimodalData]:
    """Yield the rows of a Parquet table in chunks, without target, groups and split.

    Only one chunk is in memory at a time.

    Parameters
    ----------
    path : Path
    options : Options
    n_rows : int
        Number of rows per chunk. The last chunk may have fewer.
    expected : Expected, optional
        Model for which the table is read; see `read_for`.

    Raises
    ------
    DataError
        As `read`. Row numbers in messages are counted within the chunk.
    """
    options = resolved(path, options) if expected is None else _resolved_for(path, options, expected)
    without = options.replace(target=None, event=None, group=None, split=None)
    start = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(n_rows, use_threads=False):
                table = pa.Table.from_batches([batch])
                data = _data(Source(path, table, without, _reserved(options, table.column_names), expected))
                has_ids = options.id in table.column_names
                ids = data.sample_ids if has_ids else np.arange(start, start + data.n_samples)
                yield replace(data, sample_ids=ids)
                start += data.n_samples
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable table ({' '.join(str(error).split())[:200]})") from None


def read_column(path: Path, options: Options, name: str) -> AnyArray:
    """Return one column of a table, such as the times of its rows, as numbers, dates or text, (n_rows,).

    Raises
    ------
    DataError
        If there is no such column, or one of its cells is empty.
    """
    table = _table(path, options)
    if name not in table.column_names:
        raise DataError(f"{path}: no column {name!r}; columns: {_listed(table.column_names)}")
    values = np.asarray(table[name].to_numpy(zero_copy_only=False))
    empty = np.flatnonzero(table[name].is_null().to_numpy(zero_copy_only=False) | (values == ""))
    if empty.size:
        raise DataError(f"{path}: column {name!r} has {len(empty)} empty cells, first in row {empty[0]}")
    return values


def _read(path: Path, options: Options, expected: Expected | None) -> MultimodalData:
    table = _table(path, options)
    return _data(Source(path, table, options, _reserved(options, table.column_names), expected))


def _data(source: Source) -> MultimodalData:
    options, expected = source.options, source.expected
    try:
        columns = {name: _columns(source, name, patterns) for name, patterns in options.modalities.items()}
        if not any(columns.values()):
            patterns = _listed([pattern for some in options.modalities.values() for pattern in some])
            raise DataError(
                f"no column of any modality ({patterns}); columns: {_listed(source.table.column_names)}. Set the "
                "columns of the modalities (--modality NAME=COLUMNS)"
            )
        _check_declared(source, columns)
        _warn_of_absent(source, columns)
        split = source.entries("split", options.split)
        data = MultimodalData.from_arrays(
            {name: _modality(source, name, found) for name, found in columns.items()},
            target_of(source),
            groups=source.entries("group", options.group),
            sample_ids=source.entries("id", options.id),
            split=None if split is None else _split(split),
            nan_rows=options.nan_rows,
        )
    except RedCoreError as error:
        raise (
            type(error)(f"{source.path}: {error}")
            if isinstance(error, DataError)
            else DataError(f"{source.path}: {error}")
        ) from None
    return data if expected is None else expected.conform(source.path, data)


def _check_declared(source: Source, columns: Mapping[str, list[str]]) -> None:
    """Raise `DataError` if option `category` or `text` matches no feature, unless the table is read for a model."""
    features = list(dict.fromkeys(column for found in columns.values() for column in found))
    unmatched = source.options.unmatched(features)
    if unmatched is not None and source.expected is None:
        option, pattern = unmatched
        raise DataError(f"{option}: no feature matches {pattern!r}; features: {_listed(features)}")


def _warn_of_absent(source: Source, columns: Mapping[str, list[str]]) -> None:
    """Warn of modalities, and of an id column, that the table of a model does not have."""
    for name, found in columns.items():
        if not found:
            text = f"no column of modality {name!r} ({', '.join(source.options.modalities[name][:3])}): it is missing"
            warnings.warn(DataWarning(f"{source.path}: {text}"), stacklevel=2)
    if source.expected is not None and source.options.id is not None and source.options.id not in source:
        text = f"{source.path}: no column {source.options.id!r}: sample ids are row numbers"
        warnings.warn(DataWarning(text), stacklevel=2)


def _checked(path: Path, options: Options) -> Options:
    if not options.modalities:
        raise DataError(
            f"{path}: columns of the modalities are not defined; set modalities={{name: columns}} "
            f"(--modality audio='a_*'), or write {_yaml_file(path, '.yaml').name} next to the table"
        )
    return options


def _yaml_file(path: Path, suffix: str) -> Path:
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).with_suffix(suffix)


def _reserved(options: Options, columns: list[str]) -> dict[str, str]:
    """Return the columns that are no features, with their role."""
    reserved = {column: role for role in ("id", "group", "split") if (column := getattr(options, role)) is not None}
    if options.event is not None:
        reserved[EventColumn.parse(options.event).column] = "event"
    return reserved | {column: "target" for pattern in options.target or () for column in matching(columns, pattern)}


def _merged_with_yaml(path: Path, options: Options, base: Mapping[str, Any] | None = None) -> Options:
    explicit = {**options.model_dump(exclude_unset=True)}
    for yaml_file in (_yaml_file(path, ".yaml"), _yaml_file(path, ".yml")):
        if not yaml_file.is_file():
            continue
        try:
            if yaml_file.stat().st_size > MAX_YAML_BYTES:
                raise DataError(f"larger than {MAX_YAML_BYTES} bytes")
            content = yaml.safe_load(yaml_file.read_text(encoding="utf-8"))
            if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
                raise DataError("expected a mapping with 'modalities', 'target', ...")
            return Options.parse({**(base or {}), **content, **explicit})
        except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
            raise DataError(f"{yaml_file}: {' '.join(str(error).split())}") from None
    return Options.parse({**(base or {}), **explicit})


def _table(path: Path, options: Options) -> pa.Table:
    try:
        if is_csv(path):
            table = read_csv(path, options, lambda columns: _text_columns(options, columns))
        else:
            table = _parquet(path)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable table ({' '.join(str(error).split())[:200]})") from None
    if not table.num_rows:
        raise DataError(f"{path}: the table has no rows")
    repeated = [name for name, count in Counter(table.column_names).items() if count > 1]
    if repeated:
        raise DataError(f"{path}: column {sorted(repeated)[0]!r} occurs twice")
    return table


def _text_columns(options: Options, columns: list[str]) -> list[str]:
    """Return the columns of a CSV file that are read as text: ids, groups, split, single targets and categories."""
    target = [column for pattern in options.target or () for column in matching(columns, pattern)]
    event = None if options.event is None else EventColumn.parse(options.event).column
    names = {
        options.id,
        options.group,
        options.split,
        event,
        *(target if len(target) == 1 or options.task == "mixed" else ()),
    }
    return [name for name in columns if name in names or (name not in target and options.declared_in([name]))]


def _parquet(path: Path) -> pa.Table:
    n_bytes = path.stat().st_size
    with pq.ParquetFile(path) as file:
        n_cells = file.metadata.num_rows * max(1, file.metadata.num_columns)
        if n_cells > max(ALWAYS_ALLOWED_CELLS, MAX_CELLS_PER_BYTE * n_bytes):
            raise DataError(f"declares {n_cells} cells, too many for a file of {n_bytes} bytes")
        return file.read(use_threads=False)


def _listed(columns: list[str]) -> str:
    return shortened(columns, 20, str)


def _columns(source: Source, name: str, patterns: tuple[str, ...]) -> list[str]:
    """Return the columns of a modality: in the order of the patterns, then of the table.

    A pattern does not match columns with another role, nor columns without a name and the index of pandas.
    """
    columns: dict[str, None] = {}
    for pattern in patterns:
        if pattern in source.reserved and pattern in source:
            role = source.reserved[pattern]
            raise DataError(f"modality {name!r}: column {pattern!r} is the {role}, which cannot be a feature")
        matches = matching(source.table.column_names, pattern)
        features = [column for column in matches if column == pattern or not _is_excluded(source, column)]
        if not features and source.expected is None:
            others = f" besides {', '.join(matches[:5])}, which is no feature" if matches else ""
            raise DataError(
                f"modality {name!r}: no column matches {pattern!r}{others}; "
                f"columns: {_listed(source.table.column_names)}"
            )
        columns |= dict.fromkeys(features)
    return list(columns)


def _is_excluded(source: Source, column: str) -> bool:
    return column in source.reserved or not column or column.startswith("__index_level_")


def _is_nested(table: pa.Table, columns: list[str]) -> bool:
    return len(columns) == 1 and pa.types.is_nested(table[columns[0]].type)


def _modality(source: Source, name: str, columns: list[str]) -> Any:
    """Return the values of a modality; None without columns, a list of arrays for a column of lists."""
    table, options, what = source.table, source.options, f"modality {name!r}"
    if not columns:
        return None
    declared = options.declared_in(columns)
    if _is_nested(table, columns):
        if declared:
            raise DataError(f"{what}: column {columns[0]!r} holds lists, expected text or numbers as categories")
        return [None if entry is None else np.asarray(entry, dtype=object) for entry in table[columns[0]].to_pylist()]
    cleaned = cleaned_columns(source.path, table, what, columns, options.na_values, declared)
    return mixed_columns(what, cleaned, options.text_in(columns))


def _split(values: AnyArray) -> AnyArray:
    if values.dtype.kind not in "UO":
        return values
    for row, value in enumerate(values):
        if value is not None and str(value).lower() not in TABLE_SPLIT_CODES:
            raise DataError(f"split of row {row} is {str(value)[:40]!r}, expected train, validation or test (0, 1, 2)")
    return np.array(
        [None if value is None else TABLE_SPLIT_CODES[str(value).lower()] for value in values], dtype=object
    )
