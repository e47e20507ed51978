"""Columns of an Arrow table as NumPy arrays: numbers, ids and labels."""

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator

from redcore._types import AnyArray
from redcore.data._csv import NULLS, CsvOptions, names_from_text, without_thousands
from redcore.data._decide_target import Task, is_fractional
from redcore.data._mixed import as_category
from redcore.exceptions import DataError, DataWarning, TargetError

__all__ = [
    "ColumnOptions",
    "cleaned_columns",
    "ids_of",
    "labels_from_text",
    "labels_of",
    "matching",
    "matching_any",
    "numbers_among",
    "numbers_in",
    "target_numbers",
    "target_values",
]

MARKERS = ("None", "none", "NONE", "<NA>", "NaT", "-", "--", "?", ".", "missing", "Missing", "n.a.", "N.A.", "nil")
"""Text that counts as an empty cell in a column of numbers, with a warning."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?\d{1,3}([,.'\u2019 \xa0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d*)?")
"""Number with a mark between groups of three digits; the first group of the match is the mark."""
WITH_LEADING_ZERO = re.compile(r"[+-]?0\d")
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class MarkedNumberError(DataError):
    """Text that is a number with another decimal mark, or with marks between thousands."""


class ColumnOptions(CsvOptions):
    """Options for the columns of tables, and for CSV and TSV files.

    Attributes
    ----------
    category : tuple of str
        Columns of features, as names or glob patterns, that are categories although they are written as numbers, such
        as codes of wards. In CSV files their cells are text as in the file: "01" and "1" are two categories.
    text : tuple of str
        Columns of features, as names or glob patterns, that are free text, such as notes.
    """

    category: Annotated[tuple[str, ...], BeforeValidator(names_from_text)] = ()
    text: Annotated[tuple[str, ...], BeforeValidator(names_from_text)] = ()

    def declared_in(self, columns: Sequence[str]) -> list[str]:
        """Return the columns that match option `category` or `text`; in CSV files, they are text as in the file."""
        return matching_any(columns, (*self.category, *self.text))

    def text_in(self, columns: Sequence[str]) -> list[str]:
        """Return the columns that match option `text`."""
        return matching_any(columns, self.text)

    def unmatched(self, columns: Sequence[str]) -> tuple[str, str] | None:
        """Return the option and pattern that is the first to match none of `columns`; None if all match."""
        options = {"category": self.category, "text": self.text}
        pairs = ((name, pattern) for name, patterns in options.items() for pattern in patterns)
        return next((pair for pair in pairs if not matching(columns, pair[1])), None)


def matching(columns: Sequence[str], pattern: str) -> list[str]:
    """Return the columns whose name is `pattern` or matches it as a glob."""
    return [name for name in columns if name == pattern or fnmatchcase(name, pattern)]


def matching_any(columns: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the columns that match any of the names or globs `patterns`."""
    return [name for name in columns if any(matching([name], pattern) for pattern in patterns)]


def numbers_in(
    path: Path, table: pa.Table, what: str, columns: Sequence[str], na_values: Collection[str] = ()
) -> AnyArray:
    """Return numeric columns as float64 (n_rows, n_columns), with NaN for empty cells.

    Parameters
    ----------
    path : Path
        File, for warnings.
    table : pyarrow.Table
    what : str
        Beginning of messages, such as ``modality 'lab'``.
    columns : sequence of str
    na_values : collection of str
        Text that counts as an empty cell.

    Warns
    -----
    DataWarning
        If other text counts as an empty cell; see `MARKERS`.

    Raises
    ------
    DataError
        If a column contains something else. The message names column and row.
    """
    markers: dict[str, str] = {}
    array = np.stack([_numbers(table, what, column, na_values, markers) for column in columns], axis=1)
    _warn_of_markers(path, what, markers)
    return array


def _warn_of_markers(path: Path, what: str, markers: Mapping[str, str]) -> None:
    """Warn of the text that counts as missing, by its first column."""
    if markers:
        listed = ", ".join(f"{text!r} (column {column!r})" for text, column in markers.items())
        warnings.warn(DataWarning(f"{path}: {what}: counts as missing: {listed}"), stacklevel=3)


def cleaned_columns(
    path: Path,
    table: pa.Table,
    what: str,
    columns: Sequence[str],
    na_values: Collection[str] = (),
    categories: Collection[str] = (),
) -> dict[str, pa.ChunkedArray]:
    """Return columns by name, with numbers in place of text if all text of a column is numbers or empty cells.

    Parameters are those of `numbers_in`. In columns of other text, empty cells become null. The columns in
    `categories` become dictionaries of their text; numbers are written with up to 15 digits.

    Warns
    -----
    DataWarning
        If text counts as an empty cell in a column of numbers; see `MARKERS`.
    """
    import pyarrow.compute as pc  # takes a fifth of a second

    markers: dict[str, str] = {}
    cleaned = {}
    empty = [*NULLS, *na_values] if _decimal(table) else ["", *na_values]
    for column in columns:
        values = table[column]
        if column in categories:
            values = pa.chunked_array([as_category(f"{what}: column {column!r}", values, empty)])
        elif pa.types.is_decimal(values.type):
            values = _without(values.cast(pa.float64()), na_values)
        elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            values = _without(values, na_values)
        elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            try:
                numbers = _numbers_in_text(table, what, column, na_values, markers)
                values = pa.chunked_array([pa.array(numbers, from_pandas=True)])
            except MarkedNumberError:
                raise  # numbers with other marks are no categories
            except DataError:
                texts = pc.utf8_trim_whitespace(values)
                values = pc.if_else(pc.is_in(texts, pa.array(empty)), None, values)
        cleaned[column] = values
    _warn_of_markers(path, what, markers)
    return cleaned


def _numbers(table: pa.Table, what: str, column: str, na_values: Collection[str], markers: dict[str, str]) -> AnyArray:
    """Return one numeric column; add to `markers` the text that counts as missing, with its first column."""
    values = _plain(table[column])
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _numbers_in_text(table, what, column, na_values, markers)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (is_number or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise DataError(f"{what}: column {column!r} is {kind}, expected numbers")
    return np.asarray(_without(values.cast(pa.float64()), na_values).to_numpy(), dtype=np.float64)


def _without(values: pa.ChunkedArray, na_values: Collection[str]) -> pa.ChunkedArray:
    """Return a column of numbers with null for the numbers among `na_values`."""
    import pyarrow.compute as pc  # takes a fifth of a second

    codes = numbers_among(na_values)
    if not codes:
        return values
    return pc.if_else(pc.is_in(values.cast(pa.float64()), pa.array(codes)), None, values)


def numbers_among(na_values: Collection[str]) -> list[float]:
    """Return the entries of option `na_values` that are numbers."""
    return [float(text) for text in na_values if _is_number(text)]


def _numbers_in_text(
    table: pa.Table, what: str, column: str, na_values: Collection[str], markers: dict[str, str]
) -> AnyArray:
    import pyarrow.compute as pc  # takes a fifth of a second

    texts = pc.utf8_trim_whitespace(table[column])
    empty = pc.is_in(texts, pa.array([*NULLS, *na_values]))
    marked = pc.and_(pc.is_in(texts, pa.array(MARKERS)), pc.invert(empty))
    entries = pc.if_else(pc.or_(empty, marked), None, texts)
    numbers = pc.replace_substring(entries, ",", ".") if _decimal(table) == "," else entries
    try:
        array = np.asarray(_without(numbers.cast(pa.float64()), na_values).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:
        raise _no_number(f"{what}: column {column!r} is text, expected numbers", entries, _decimal(table)) from None
    for text in pc.unique(texts.filter(marked)).to_pylist():
        markers.setdefault(text, column)
    return array


def _decimal(table: pa.Table) -> str:
    """Return the decimal mark of a table from a CSV file; empty for other tables."""
    return _metadata(table, b"decimal")


def _metadata(table: pa.Table, key: bytes) -> str:
    return str((table.schema.metadata or {}).get(key, b""), "ascii")


def _no_number(what: str, texts: pa.ChunkedArray, decimal: str) -> DataError:
    """Return an error that names the first entry that is not a number. `decimal` is empty for other than CSV files."""
    rows = enumerate(texts.to_pylist())
    row, text = next((row, text) for row, text in rows if text is not None and not _is_number(text, decimal))
    hints = []
    if decimal != "," and re.fullmatch(r"[+-]?\d*,\d+", text):
        hints.append("decimal=',' if the comma is a decimal mark")
    if match := GROUPED.fullmatch(text):
        hints.append(f"thousands={match[1]!r} if this mark separates thousands")
    message = f"{what}; row {row} is {text[:40]!r}"
    if not hints:
        return DataError(message)
    remedy = f"set option {' or '.join(hints)}" if decimal else "write numbers without marks"
    return MarkedNumberError(f"{message}; {remedy}")


def _is_number(text: str, decimal: str = ".") -> bool:
    try:
        float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return False
    return "_" not in text


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with the values of a dictionary, such as a pandas category, in place of their codes."""
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def ids_of(table: pa.Table, column: str) -> AnyArray:
    """Return ids, groups or split: text exactly as it stands in the file, or numbers; None for empty cells."""
    import pyarrow.compute as pc  # takes a fifth of a second

    values = _simple(table, column)
    if pa.types.is_string(values.type):
        values = pc.if_else(pc.equal(values, ""), None, values)
    return _array(values)


def labels_of(table: pa.Table, column: str, na_values: Collection[str] = (), infer: bool = True) -> AnyArray:
    """Return labels, with None for empty cells.

    Labels of a CSV file are text. If `infer` is True, they become integers, numbers or booleans if all of them are.
    """
    import pyarrow.compute as pc  # takes a fifth of a second

    values = _simple(table, column)
    if pa.types.is_string(values.type):
        empty = [*NULLS, *na_values] if _decimal(table) else ["", *na_values]
        values = pc.if_else(pc.is_in(values, pa.array(empty)), None, values)
        values = without_thousands(values, _metadata(table, b"thousands"), _decimal(table))
    labels = _array(values)
    return labels_from_text(labels, _decimal(table)) if infer and _decimal(table) else labels


def _simple(table: pa.Table, column: str) -> pa.ChunkedArray:
    """Return a column of text, numbers or booleans. Dates, times and bytes become text, decimal numbers floats."""
    values = _plain(table[column])
    kind = values.type
    if pa.types.is_nested(kind):
        raise DataError(f"column {column!r} is {kind}, expected one text or number per row")
    if pa.types.is_decimal(kind):
        return values.cast(pa.float64())
    is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    if is_bytes or pa.types.is_large_string(kind) or pa.types.is_temporal(kind):
        try:
            return (values.cast(pa.binary()) if pa.types.is_fixed_size_binary(kind) else values).cast(pa.string())
        except pa.ArrowException:
            expected = "UTF-8 text" if is_bytes else "text, numbers or dates"
            raise DataError(f"column {column!r} is {kind}, expected {expected}") from None
    return values


def _array(values: pa.ChunkedArray) -> AnyArray:
    if values.null_count:
        return np.array(values.to_pylist(), dtype=object)
    array: AnyArray = values.to_numpy()
    return array.astype(str) if array.dtype == object else array


def labels_from_text(labels: AnyArray, decimal: str = ".") -> AnyArray:
    """Return labels that are text in a CSV file as integers, numbers or booleans, if all of them are.

    Text stays text if a number would not be written in the same way: "01" is not 1, and "1E2" is not 100. Whole numbers
    with a decimal mark, as pandas writes integers with missing values, become floats.
    """
    if labels.dtype.kind not in "UO":
        return labels
    texts = [entry for entry in labels.tolist() if entry is not None]
    if not all(isinstance(text, str) for text in texts) or not texts:
        return labels
    if all(text in BOOLEANS for text in texts):
        return _filled(labels, [BOOLEANS[text] for text in texts])
    numbers = [text.strip().replace(decimal, ".") for text in texts]
    if not all(map(NUMBER.fullmatch, numbers)) or any(map(WITH_LEADING_ZERO.match, numbers)):
        return labels
    if all(text.lstrip("-").isdigit() for text in numbers):
        integers = [int(text) for text in numbers]
        is_canonical = all(str(number) == text for number, text in zip(integers, numbers, strict=True))
        return _filled(labels, integers) if is_canonical and max(map(abs, integers)) < 2**63 else labels
    floats = [float(text) for text in numbers]
    has_exponent = any("e" in text.lower() for text in numbers)
    are_whole = all(number.is_integer() for number in floats)
    return labels if are_whole and has_exponent else _filled(labels, floats)


def _filled(labels: AnyArray, values: list[Any]) -> AnyArray:
    """Return `values` in place of the labels, with None where there is no label."""
    if len(values) == len(labels):
        return np.array(values)
    result = np.full(len(labels), None, dtype=object)
    result[[row for row, entry in enumerate(labels.tolist()) if entry is not None]] = values
    return result


def target_numbers(table: pa.Table, column: str, na_values: Collection[str] = ()) -> AnyArray:
    """Return labels as numbers, with None for empty cells; raise `TargetError` for the first that is not a number."""
    labels, decimal = labels_of(table, column, na_values, infer=False), _decimal(table) or "."
    if labels.dtype.kind not in "UO":
        return labels
    for row, entry in enumerate(labels.tolist()):
        if isinstance(entry, str) and not _is_number(entry.replace(decimal, ".")):
            raise TargetError(f"label {entry[:40]!r} in row {row} is not a number")
    entries = [entry.replace(decimal, ".") if isinstance(entry, str) else entry for entry in labels.tolist()]
    missing = [entry is None for entry in entries]
    return np.array(entries, dtype=object) if any(missing) else np.array(entries, dtype=np.float64)


def target_values(
    path: Path, table: pa.Table, columns: Sequence[str], task: Task, na_values: Collection[str] = ()
) -> AnyArray:
    """Return the columns of a target as values for `decide_target`, (n_rows,) or (n_rows, n_columns)."""
    if len(columns) > 1 or task == "labels":
        return numbers_in(path, table, "target", columns, na_values)
    if task == "numbers":
        return target_numbers(table, columns[0], na_values)
    labels = labels_of(table, columns[0], na_values)
    # fractional numbers as classes are text
    is_text = task == "classes" and is_fractional(labels)
    return labels_of(table, columns[0], na_values, infer=False) if is_text else labels
