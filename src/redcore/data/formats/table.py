"""CSV and Parquet tables: a modality is a group of columns, or one column of lists.

The groups come with the options, or from a YAML file of the same name beside the table (``patients.yaml`` for
``patients.csv``), which holds the options too::

    modalities:
      lab: ["lab_*", crp]
      ecg: "ecg_*"
    target: outcome
    id: patient

An empty cell is a missing value; a row whose columns of a modality are all empty lacks the modality. In Parquet a
modality may also be one column of lists (vectors) or lists of lists (sequences), null where it is missing.
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
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, RedCoreError

__all__ = ["Options", "read", "recognises"]

ENDINGS = (".csv", ".tsv", ".parquet", ".pq")
HARMLESS_CELLS, MAX_CELLS_PER_BYTE = 10**7, 100
"""A Parquet file that declares more cells than either, in all and per byte of it, is refused."""
MAX_YAML_BYTES = 2**20


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class Options(Settings):
    """Which column is what.

    Attributes
    ----------
    modalities : mapping of str to column names or glob patterns
        Such as ``{"audio": ["a_*"]}``.
    target : column name, or several for multi-label and several numbers; optional
    task : {"auto", "classes", "numbers", "labels"}, default "auto"
        What the target is. "auto": numbers if any of it is fractional; several columns of zeros and ones are labels.
    id, group, split : column name, optional
        The split holds 0, 1, 2 or train, validation (valid, val, dev), test.
    nan_rows : {"error", "missing"}, default "error"
        What an empty cell in a row that has others of the modality means.
    """

    modalities: dict[str, Columns] = Field(default_factory=dict)
    target: Columns | None = None
    task: Literal["auto", "classes", "numbers", "labels"] = "auto"
    id: str | None = None
    group: str | None = None
    split: str | None = None
    nan_rows: NanPolicy = "error"


def recognises(path: Path) -> bool:
    """Whether the path ends in .csv, .tsv, .parquet or .pq."""
    return path.suffix.lower() in ENDINGS and not path.is_dir()


def read(path: Path, options: Options) -> MultimodalData:
    """Read a table.

    Raises
    ------
    DataError
        If the file is damaged, a column does not exist or is not numeric; the message names it.
    """
    options = _with_beside(path, options)
    return _data(path, _table(path), options)


def stream(path: Path, options: Options, n_rows: int) -> Iterator[MultimodalData]:
    """Yield a Parquet table piece by piece, without target, groups and split, in the memory that a piece takes.

    Parameters
    ----------
    path : Path
    options : Options
    n_rows : int
        Rows of a piece, the last one may have fewer.

    Raises
    ------
    DataError
        As `read`; rows are counted within the piece.
    """
    options = _with_beside(path, options).replace(target=None, group=None, split=None)
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


def _with_beside(path: Path, options: Options) -> Options:
    """Return the options of the YAML file beside the table, overruled by those given; they must name modalities."""
    options = _merged_with_beside(path, options)
    if not options.modalities:
        raise DataError(
            f"{path}: which columns make which modality? Say modalities={{name: columns}} (--modality audio='a_*'), "
            f"or write {path.with_suffix('.yaml').name} beside it"
        )
    return options


def _merged_with_beside(path: Path, options: Options) -> Options:
    for beside in (path.with_suffix(".yaml"), path.with_suffix(".yml")):
        if not beside.is_file():
            continue
        try:
            if beside.stat().st_size > MAX_YAML_BYTES:
                raise DataError(f"larger than {MAX_YAML_BYTES} bytes")
            content = yaml.safe_load(beside.read_text(encoding="utf-8"))
            if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
                raise DataError("expected a mapping with 'modalities', 'target', ...")
            return Options.parse({**content, **options.model_dump(exclude_unset=True)})
        except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
            raise DataError(f"{beside}: {' '.join(str(error).split())}") from None
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
    twice = [name for name in set(columns) if columns.count(name) > 1]
    if twice:
        raise DataError(f"{path}: column {sorted(twice)[0]!r} occurs twice")
    return table


def _parquet(path: Path) -> pa.Table:
    n_bytes = path.stat().st_size
    # closed at once: reading by path opens it again
    with pq.ParquetFile(path) as file:
        cells = file.metadata.num_rows * max(1, file.metadata.num_columns)
        if cells > max(HARMLESS_CELLS, MAX_CELLS_PER_BYTE * n_bytes):
            raise DataError(f"{path}: declares {cells} cells in {n_bytes} bytes")
        return file.read(use_threads=False)


def _matching(table: pa.Table, what: str, patterns: tuple[str, ...]) -> list[str]:
    """Return the columns that patterns name, in the order of the table within each pattern."""
    found: list[str] = []
    for pattern in patterns:
        matches = [name for name in table.column_names if name == pattern or fnmatchcase(name, pattern)]
        if not matches:
            raise DataError(f"{what}: no column matches {pattern!r}; columns: {', '.join(table.column_names[:20])}")
        found.extend(name for name in matches if name not in found)
    return found


def _modality(table: pa.Table, name: str, patterns: tuple[str, ...]) -> Any:
    columns = _matching(table, f"modality {name!r}", patterns)
    if len(columns) == 1 and pa.types.is_nested(table[columns[0]].type):
        return [None if entry is None else np.asarray(entry, dtype=object) for entry in table[columns[0]].to_pylist()]
    return np.stack([_numbers(table, f"modality {name!r}", column) for column in columns], axis=1)


def _numbers(table: pa.Table, what: str, column: str) -> AnyArray:
    """Return a numeric column with NaN for what is empty."""
    values = table[column]
    kind = values.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)
    ):
        raise DataError(f"{what}: column {column!r} is {kind}, expected numbers{_first_text(values)}")
    return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _first_text(values: pa.ChunkedArray) -> str:
    """Say where the first entry is that is not a number."""
    if not pa.types.is_string(values.type):
        return ""
    for row, text in enumerate(values.to_pylist()):
        try:
            float(text or "nan")
        except ValueError:
            return f"; row {row} holds {text[:40]!r}"
    return ""


def _entries(table: pa.Table, column: str) -> AnyArray:
    """Return a column of names or numbers; what is empty stays None."""
    _matching(table, "ids, groups, split or target", (column,))
    values = table[column]
    if pa.types.is_nested(values.type):
        raise DataError(f"column {column!r} is {values.type}, expected one name or number per row")
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        raise DataError(f"column {column!r} is not text in UTF-8")
    if values.null_count:
        return np.array(values.to_pylist(), dtype=object)
    array: AnyArray = values.to_numpy()
    return array.astype(str) if array.dtype == object else array


def _split(values: AnyArray) -> AnyArray:
    codes = {"train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1, "test": 2}
    if values.dtype.kind not in "UO":
        return values
    # what is unknown is left as it is, and named by the check behind
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
    fractional = entries.dtype.kind == "f" and bool((entries != np.floor(entries)).any())
    if task == "numbers" or (task == "auto" and fractional):
        return Target.from_numbers(entries)
    return Target.from_labels(entries)
