"""CSV and Parquet tables: a modality is a group of columns, or one column of lists.

The columns of each modality are given by the options, or by a YAML file next to the table with the same name
(``patients.yaml`` for ``patients.csv``), which can contain all options::

    modalities:
      lab: ["lab_*", crp]
      ecg: "ecg_*"
    target: outcome
    id: patient

Columns of text, of Parquet dictionaries, of booleans and of dates are features too; see `redcore.data.mixed_columns`.
A modality is missing in a row if all its cells are empty. In Parquet, a modality can also be one column of lists
(vectors) or of lists of lists (sequences), with null for missing modalities.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore._validation import NanPolicy
from redcore.data import MultimodalData, Target, mixed_columns
from redcore.exceptions import DataError, RedCoreError

__all__ = ["Options", "read", "recognises"]

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
ALWAYS_ALLOWED_CELLS, MAX_CELLS_PER_BYTE = 10**7, 100
"""A Parquet file may declare `MAX_CELLS_PER_BYTE` cells per byte, and always `ALWAYS_ALLOWED_CELLS`."""
MAX_YAML_BYTES = 2**20


def _split_names(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_split_names), Field(min_length=1)]


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    modalities : mapping of str to tuple of str
        Column names or glob patterns of each modality, such as ``{"audio": ["a_*"]}``.
    target : tuple of str, optional
        Column of the target, or several columns for multi-label targets and regression with several outputs.
    task : {"auto", "classes", "numbers", "labels"}, default "auto"
        Read the target as classes, as a continuous target, or as labels (multi-label). "auto": labels if several
        columns contain only zeros and ones, a continuous target for other groups of columns or fractional values, else
        classes.
    id, group, split : str, optional
        Columns of sample ids, groups and split. The split contains 0, 1, 2 or train, validation (valid, val, dev),
        test.
    nan_rows : {"keep", "error", "missing"}, default "keep"
        Treatment of rows in which only some cells of a modality are empty: keep them as missing cells, raise an error,
        or treat the modality as missing.
    """

    modalities: dict[str, Columns] = Field(default_factory=dict)
    target: Columns | None = None
    task: Literal["auto", "classes", "numbers", "labels"] = "auto"
    id: str | None = None
    group: str | None = None
    split: str | None = None
    nan_rows: NanPolicy = "keep"


def recognises(path: Path) -> bool:
    """Return True if the path ends in .csv, .tsv, .parquet or .pq."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def read(path: Path, options: Options) -> MultimodalData:
    """Read a table.

    Raises
    ------
    DataError
        If the file is damaged, or if a column does not exist or is not numeric. The message names file and column.
    """
    options = _with_yaml(path, options)
    return _data(path, _table(path), options)


def stream(path: Path, options: Options, n_rows: int) -> Iterator[MultimodalData]:
    """Yield the rows of a Parquet table in chunks, without target, groups and split.

    Only one chunk is in memory at a time.

    Parameters
    ----------
    path : Path
    options : Options
    n_rows : int
        Number of rows per chunk. The last chunk may have fewer.

    Raises
    ------
    DataError
        As `read`. Row numbers in messages are counted within the chunk.
    """
    options = _with_yaml(path, options).replace(target=None, group=None, split=None)
    start = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(n_rows, use_threads=False):
                data = _data(path, pa.Table.from_batches([batch]), options)
                ids = data.sample_ids if options.id else np.arange(start, start + data.n_samples)
                yield replace(data, sample_ids=ids)
                start += data.n_samples
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable table ({' '.join(str(error).split())[:200]})") from None


def _data(path: Path, table: pa.Table, options: Options) -> MultimodalData:
    try:
        return MultimodalData.from_arrays(
            {name: _modality(table, name, patterns) for name, patterns in options.modalities.items()},
            None if options.target is None else _target(table, options.target, options.task),
            groups=None if options.group is None else _entries(table, options.group),
            sample_ids=None if options.id is None else _entries(table, options.id),
            split=None if options.split is None else _split(_entries(table, options.split)),
            nan_rows=options.nan_rows,
        )
    except RedCoreError as error:
        raise (
            type(error)(f"{path}: {error}") if isinstance(error, DataError) else DataError(f"{path}: {error}")
        ) from None


def _with_yaml(path: Path, options: Options) -> Options:
    """Return the options of the YAML file next to the table, overridden by `options`.

    Raise `DataError` if neither defines modalities.
    """
    options = _merged_with_yaml(path, options)
    if not options.modalities:
        raise DataError(
            f"{path}: columns of the modalities are not defined; set modalities={{name: columns}} "
            f"(--modality audio='a_*'), or write {path.with_suffix('.yaml').name} next to the table"
        )
    return options


def _merged_with_yaml(path: Path, options: Options) -> Options:
    for yaml_file in (path.with_suffix(".yaml"), path.with_suffix(".yml")):
        if not yaml_file.is_file():
            continue
        try:
            if yaml_file.stat().st_size > MAX_YAML_BYTES:
                raise DataError(f"larger than {MAX_YAML_BYTES} bytes")
            content = yaml.safe_load(yaml_file.read_text(encoding="utf-8"))
            if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
                raise DataError("expected a mapping with 'modalities', 'target', ...")
            return Options.parse({**content, **options.model_dump(exclude_unset=True)})
        except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
            raise DataError(f"{yaml_file}: {' '.join(str(error).split())}") from None
    return options


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() in (".csv", ".tsv"):
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            table = pa_csv.read_csv(
                path,
                parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False),
            )
        else:
            table = _parquet(path)
        columns = table.column_names
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a readable table ({' '.join(str(error).split())[:200]})") from None
    if not table.num_rows:
        raise DataError(f"{path}: the table has no rows")
    repeated = [name for name in set(columns) if columns.count(name) > 1]
    if repeated:
        raise DataError(f"{path}: column {sorted(repeated)[0]!r} occurs twice")
    return table


def _parquet(path: Path) -> pa.Table:
    n_bytes = path.stat().st_size
    with pq.ParquetFile(path) as file:
        n_cells = file.metadata.num_rows * max(1, file.metadata.num_columns)
        if n_cells > max(ALWAYS_ALLOWED_CELLS, MAX_CELLS_PER_BYTE * n_bytes):
            raise DataError(f"{path}: declares {n_cells} cells, too many for a file of {n_bytes} bytes")
        return file.read(use_threads=False)


def _matching(table: pa.Table, what: str, patterns: tuple[str, ...]) -> list[str]:
    """Return the columns that match the patterns: in the order of the patterns, then of the table."""
    columns: list[str] = []
    for pattern in patterns:
        matches = [name for name in table.column_names if name == pattern or fnmatchcase(name, pattern)]
        if not matches:
            raise DataError(f"{what}: no column matches {pattern!r}; columns: {', '.join(table.column_names[:20])}")
        columns.extend(name for name in matches if name not in columns)
    return columns


def _modality(table: pa.Table, name: str, patterns: tuple[str, ...]) -> Any:
    columns = _matching(table, f"modality {name!r}", patterns)
    if len(columns) == 1 and pa.types.is_nested(table[columns[0]].type):
        return [None if entry is None else np.asarray(entry, dtype=object) for entry in table[columns[0]].to_pylist()]
    return mixed_columns(f"modality {name!r}", {column: table[column] for column in columns})


def _numbers(table: pa.Table, what: str, column: str) -> AnyArray:
    """Return a numeric column as float64 (n_rows,), with NaN for empty cells."""
    values = table[column]
    kind = values.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    ):
        raise DataError(f"{what}: column {column!r} is {kind}, expected numbers{_first_text(values)}")
    return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _first_text(values: pa.ChunkedArray) -> str:
    """Return the end of an error message that names the first entry that is not a number."""
    if not pa.types.is_string(values.type):
        return ""
    for row, text in enumerate(values.to_pylist()):
        try:
            float(text or "nan")
        except ValueError:
            return f"; row {row} is {text[:40]!r}"
    return ""


def _entries(table: pa.Table, column: str) -> AnyArray:
    """Return a column of text or numbers, with None for empty cells."""
    _matching(table, "ids, groups, split or target", (column,))
    values = table[column]
    if pa.types.is_nested(values.type):
        raise DataError(f"column {column!r} is {values.type}, expected one text or number per row")
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        raise DataError(f"column {column!r} is not UTF-8 text")
    if values.null_count:
        return np.array(values.to_pylist(), dtype=object)
    array: AnyArray = values.to_numpy()
    return array.astype(str) if array.dtype == object else array


def _split(values: AnyArray) -> AnyArray:
    codes = {"train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1, "test": 2}
    if values.dtype.kind not in "UO":
        return values
    # unknown values are kept and reported by check_split
    return np.array([codes.get(str(value).lower(), value) for value in values], dtype=object)


def _target(table: pa.Table, patterns: tuple[str, ...], task: str) -> Target:
    columns = _matching(table, "target", patterns)
    if len(columns) > 1:
        values = np.stack([_numbers(table, "target", column) for column in columns], axis=1)
        if task == "labels" or (task == "auto" and bool(np.isin(values, (0, 1)).all())):
            return Target.from_multilabel(values, columns)
        return Target.from_numbers(values)
    if task == "labels":
        return Target.from_multilabel(_numbers(table, "target", columns[0])[:, None], columns)
    entries = _entries(table, columns[0])
    is_fractional = entries.dtype.kind == "f" and bool((entries != np.floor(entries)).any())
    if task == "numbers" or (task == "auto" and is_fractional):
        return Target.from_numbers(entries)
    return Target.from_labels(entries)
