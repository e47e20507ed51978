"""CSV files as Arrow tables. Delimiter, decimal mark, encoding and header are options; otherwise they are detected."""

import codecs
import csv
import gzip
import io
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
from pydantic import AfterValidator, BeforeValidator

from redcore._settings import Settings
from redcore.exceptions import DataError, DataWarning

__all__ = ["NULLS", "CsvOptions", "is_csv", "names_from_text", "read_csv", "without_thousands"]

SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Suffixes of text tables and their usual delimiters. The suffix .gz may follow."""
DELIMITERS = (",", ";", "\t", "|")
NULLS = tuple(pa_csv.ConvertOptions().null_values)
"""Cells without a value, besides those of option `na_values`."""
START_BYTES, MAX_START_BYTES = 2**20, 2**26
"""Size of the beginning of a file from which its form is detected, and its maximum for very long lines."""
SAMPLE_RECORDS = 200
ALWAYS_ALLOWED_BYTES, MAX_EXPANSION = 2**28, 200
"""A gzip file may expand to `MAX_EXPANSION` times its size, and always to `ALWAYS_ALLOWED_BYTES`."""
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LEGACY = "cp1252"
"""Encoding of a file that is not UTF-8: Windows-1252, which contains all letters of Latin-1."""
SIGNS = frozenset(
    "\xa0\xa1\xa3\xa5\xa7\xa9\xab\xae\xb0\xb1\xb2\xb3\xb7\xb9\xbb\xbc\xbd\xbe\xbf\xd7\xf7"
    "\u2013\u2014\u2018\u2019\u201a\u201c\u201d\u201e\u2022\u2026\u2039\u203a\u20ac\u2122"
)
"""Characters besides letters that are plausible in a file in a legacy encoding."""
WHOLE = re.compile(r"\d+")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
DOT_NUMBER = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
GROUP_MARKS = {",": ",", ".": ".", "'": "'\u2019", " ": " \xa0\u202f"}
"""Characters that each value of option `thousands` stands for."""
SIGNATURES = {b"\x1f\x8b": "gzip", b"PAR1\x15": "Parquet", b"PK\x03\x04": "zip or Excel", b"\xd0\xcf\x11\xe0": "Excel"}
"""First bytes of files of other types that often have the suffix of a text file."""
INCREASING_NAMES = 5
"""Number of increasing numbers from which a first line with numbers is a header, such as years or wavelengths."""


def names_from_text(value: Any) -> Any:
    """Split comma-separated text into a list of names; return other values unchanged."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _delimiter_from_text(value: Any) -> Any:
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}
    return names.get(value, value) if isinstance(value, str) else value


def _thousands_from_text(value: Any) -> Any:
    names = {"comma": ",", "point": ".", "apostrophe": "'", "space": " "}
    names |= {mark: value for value, marks in GROUP_MARKS.items() for mark in marks}
    return names.get(value, value) if isinstance(value, str) else value


def _check_delimiter(value: str | None) -> str | None:
    if value is not None and (len(value) != 1 or not value.isascii() or value.isalnum() or value in '\r\n"'):
        raise ValueError("expected one ASCII character, such as ';' or 'tab'")
    return value


def _check_encoding(value: str | None) -> str | None:
    if value is not None:
        try:
            value.encode("ascii")
            "a,1\n".encode(value)
        except (LookupError, ValueError):
            raise ValueError("expected the name of a text encoding, such as 'utf-8' or 'latin-1'") from None
    return value


class CsvOptions(Settings):
    """Options for CSV and TSV files.

    Attributes
    ----------
    delimiter : str, optional
        Character between the cells, or "tab". Default: "," for .csv and a tab for .tsv, or another of ``, ; | tab`` if
        only this one divides all lines into equally many cells.
    decimal : {".", ","}, optional
        Decimal mark. Default: "," if the numbers at the beginning of the file have commas and no points, else ".".
    thousands : {",", ".", "'", " "}, optional
        Mark between groups of three digits, as in 1,250,000.5, or "space". Default: none.
    encoding : str, optional
        Text encoding. Default: UTF-8, UTF-16 if the file begins with a byte order mark, or Windows-1252 if it is not
        UTF-8.
    header : bool, optional
        True if the first line contains the column names. If False, the columns are named ``column_1``, ``column_2``,
        .... Default: True, with an error if the first line contains numbers that cannot be column names.
    na_values : tuple of str
        Cells that count as empty, in addition to empty cells, "NA", "NaN", "null" and the like. A number, such as
        -999, also stands for its other forms, such as -999.0, and for equal numbers in Parquet files.
    """

    delimiter: Annotated[str | None, BeforeValidator(_delimiter_from_text), AfterValidator(_check_delimiter)] = None
    decimal: Literal[".", ","] | None = None
    thousands: Annotated[Literal[",", ".", "'", " "] | None, BeforeValidator(_thousands_from_text)] = None
    encoding: Annotated[str | None, AfterValidator(_check_encoding)] = None
    header: bool | None = None
    na_values: Annotated[tuple[str, ...], BeforeValidator(names_from_text)] = ()


@dataclass(frozen=True)
class _Form:
    """Form of a CSV file, given or detected."""

    names: tuple[str, ...]
    delimiter: str
    decimal: str
    encoding: str
    has_header: bool
    n_skipped: int
    line_bytes: int
    is_spaced: bool
    detected: tuple[str, ...]


def suffix_of(path: Path) -> str:
    """Return the suffix of a file in lower case, without .gz."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def is_csv(path: Path) -> bool:
    """Return True if the path ends in .csv, .tsv or .txt, or in one of them with .gz."""
    return suffix_of(path) in SUFFIXES


def read_csv(
    path: Path,
    options: CsvOptions,
    text_columns: Callable[[list[str]], Sequence[str]],
    strips_names: bool = True,
) -> pa.Table:
    """Read a CSV file.

    Parameters
    ----------
    path : Path
    options : CsvOptions
    text_columns : callable
        Function that returns, of all column names, those to read as text exactly as it stands in the file.
    strips_names : bool
        If True, blanks around the names of the columns are removed.

    Returns
    -------
    pyarrow.Table
        Types of the other columns follow from their content. Text is never null. The metadata of the schema contains
        the options ``decimal`` and ``thousands``; the latter is empty if it is not set.

    Warns
    -----
    DataWarning
        If the form of the file was detected and is not the usual one.

    Raises
    ------
    DataError
        If the file is damaged, if a row has another number of cells, or if the first line is no header. The message
        does not contain the path.
    """
    try:
        if path.suffix.lower() == ".gz":
            _check_expansion(path)
        form = _form(path, options, strips_names)
        try:
            table = _table(path, form, options, text_columns)
        except UnicodeError:
            if options.encoding is not None or form.encoding != "utf-8":
                raise
            _check_rest(path)
            form = replace(form, encoding=LEGACY, detected=(*form.detected, f"encoding={LEGACY}"))
            table = _table(path, form, options, text_columns)
    except (pa.ArrowException, OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"not a readable table ({' '.join(str(error).split())[:200]})") from None
    if form.detected:
        text = f"{path}: detected {', '.join(form.detected)}; set these options if this is wrong"
        warnings.warn(DataWarning(text), stacklevel=2)
    return table


def _check_expansion(path: Path) -> None:
    """Raise `DataError` if a gzip file expands too much, or is damaged."""
    limit = max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * path.stat().st_size)
    n_bytes = 0
    with gzip.open(path) as stream:
        while chunk := stream.read(2**20):
            n_bytes += len(chunk)
            if n_bytes > limit:
                raise DataError(f"expands to more than {limit} bytes, too many for its size")


def _form(path: Path, options: CsvOptions, strips_names: bool) -> _Form:
    """Return the form of a file, from the options and the beginning of the file."""
    start, is_all = _beginning(path)
    if found := next((kind for mark, kind in SIGNATURES.items() if start.startswith(mark)), None):
        raise DataError(f"not a readable table (the content is a {found} file, expected text; rename or convert it)")
    text, encoding, detected = _decoded(start, is_all, options)
    text, n_skipped, delimiter = _without_preamble(text)
    if n_skipped:
        detected.append(f"a header after {n_skipped} line{'s'[: n_skipped - 1]} of comments")
    usual = SUFFIXES[suffix_of(path)]
    if options.delimiter is not None:
        delimiter = options.delimiter
    elif delimiter is None:
        delimiter = _delimiter(text, usual, is_all)
        if delimiter != usual:
            detected.append(f"delimiter={'tab' if delimiter == chr(9) else delimiter}")
    records = _records(text, delimiter, is_all)
    if not records:
        raise DataError("not a readable table (the file is empty)")
    decimal = _decimal_of(options, records[1:] if options.header is not False else records)
    if decimal == "," and options.decimal is None and options.thousands is None:
        detected.append("decimal=,")
    header = [name.strip() if strips_names else name for name in records[0]]
    if options.header is None:
        _check_header(header)
    names = [f"column_{k + 1}" for k in range(len(header))] if options.header is False else header
    is_spaced = len(records[0]) > 1 and all(name.startswith(" ") for name in records[0][1:])
    line_bytes = max(len(line.encode(encoding)) for line in text[: MAX_START_BYTES // 4].splitlines()[:50])
    return _Form(
        tuple(names),
        delimiter,
        decimal,
        encoding,
        options.header is not False,
        n_skipped,
        line_bytes,
        is_spaced,
        tuple(detected),
    )


def _beginning(path: Path) -> tuple[bytes, bool]:
    """Return the beginning of a file, at least two lines of it, and True if this is the whole file."""
    with _opened(path) as stream:
        start = stream.read(START_BYTES)
        while len(start) < MAX_START_BYTES and start.count(b"\n") + start.count(b"\r") < 3:
            chunk = stream.read(len(start) or 1)
            if not chunk:
                return start, True
            start += chunk
        return start, not stream.read(1)


def _decoded(start: bytes, is_all: bool, options: CsvOptions) -> tuple[str, str, list[str]]:
    """Return the beginning of the file as text, its encoding, and a description of the encoding if it was detected."""
    marked = next((name for mark, name in MARKS if start.startswith(mark)), "utf-8")
    encoding = options.encoding or marked
    try:
        return _decode(start, encoding, is_all).removeprefix("\ufeff"), encoding, []
    except UnicodeError:
        if options.encoding is not None or encoding != "utf-8":
            raise
    _check_legacy(start)
    return start.decode(LEGACY), LEGACY, [f"encoding={LEGACY}"]


def _decode(content: bytes, encoding: str, is_all: bool) -> str:
    return codecs.getincrementaldecoder(encoding)().decode(content, final=is_all)


def _check_legacy(content: bytes) -> None:
    """Raise `DataError` unless the non-ASCII bytes of the file are plausible in Windows-1252."""
    try:
        text = content.decode(LEGACY)
    except UnicodeError:
        text = "\0"
    if any((character > "~" or character < " ") and not _is_plausible(character) for character in set(text)):
        raise DataError("not a readable table (the file is not UTF-8 text; set option encoding)")


def _check_rest(path: Path) -> None:
    """Raise `DataError` unless all bytes of the file are plausible in Windows-1252."""
    with _opened(path) as stream:
        while chunk := stream.read(2**22):
            _check_legacy(chunk)


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _is_plausible(character: str) -> bool:
    return character.isalpha() or character in SIGNS or character in "\t\r\n"


def _without_preamble(text: str) -> tuple[str, int, str | None]:
    """Return the text without lines before the header, their number, and the delimiter of a line ``sep=;``."""
    lines = text.split("\n", 20)[:20]
    if match := re.fullmatch(r"sep=(.)\r?", lines[0]):
        return text.partition("\n")[2], 1, match[1]
    n_comments = next((k for k, line in enumerate(lines) if not line.startswith("#")), 0)
    # a header may begin with "#" too: its number of cells is that of the rows
    sizes = [max(line.count(mark) for mark in DELIMITERS) for line in lines[: n_comments + 1]]
    if not n_comments or any(size == sizes[-1] for size in sizes[:-1]):
        return text, 0, None
    return "\n".join(text.split("\n")[n_comments:]), n_comments, None


def _records(text: str, delimiter: str, is_all: bool) -> list[list[str]]:
    """Return the first records of the text; an incomplete last one is left out."""
    records = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=False):
            if record:
                records.append(record)
            if len(records) > SAMPLE_RECORDS:
                return records
    except csv.Error as error:
        raise DataError(f"not a readable table ({error})") from None
    return records if is_all or len(records) < 2 else records[:-1]


def _delimiter(text: str, usual: str, is_all: bool) -> str:
    """Return the first delimiter that divides all records into the same number of cells, at least two."""
    for delimiter in (usual, *DELIMITERS):
        try:
            sizes = {len(record) for record in _records(text, delimiter, is_all)}
        except DataError:
            continue
        if len(sizes) == 1 and sizes.pop() > 1:
            return delimiter
    return usual


def _decimal_of(options: CsvOptions, records: list[list[str]]) -> str:
    """Return the decimal mark of the options, or the one that is detected."""
    if options.thousands in (".", ","):
        other = "," if options.thousands == "." else "."
        if options.decimal not in (None, other):
            raise DataError(f"options decimal and thousands are both {options.thousands!r}, expected different marks")
        return other
    return options.decimal or _decimal(records)


def without_thousands(column: pa.ChunkedArray, thousands: str, decimal: str) -> pa.ChunkedArray:
    """Return a column of text in which numbers have no mark between thousands.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of text
    thousands : str
        Value of the option. If it is empty, the column is returned unchanged.
    decimal : str
        Decimal mark.
    """
    import pyarrow.compute as pc  # takes a fifth of a second

    if not thousands:
        return column
    mark = f"[{re.escape(GROUP_MARKS[thousands])}]"
    number = rf"^\s*[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+({re.escape(decimal)}[0-9]*)?\s*$"
    return pc.if_else(pc.match_substring_regex(column, number), pc.replace_substring_regex(column, mark, ""), column)


def _decimal(records: list[list[str]]) -> str:
    """Return the decimal mark; "," only if numbers have commas that do not separate thousands, and no points."""
    cells = [cell.strip() for record in records for cell in record]
    with_comma = [cell for cell in cells if COMMA_NUMBER.fullmatch(cell)]
    is_decimal = any(not THOUSANDS.fullmatch(cell) for cell in with_comma)
    return "," if is_decimal and not any(DOT_NUMBER.fullmatch(cell) for cell in cells) else "."


def _check_header(cells: list[str]) -> None:
    """Raise `DataError` if the first line of a file contains numbers that are unlikely to be column names."""
    numeric = [cell for cell in cells if NUMBER.fullmatch(cell.replace(",", "."))]
    values = [float(cell.replace(",", ".")) for cell in numeric]
    is_increasing = all(first < second for first, second in pairwise(values))
    are_whole = all(map(WHOLE.fullmatch, numeric))
    are_names = is_increasing and (len(values) >= INCREASING_NAMES or are_whole)
    few = are_whole and 2 * len(numeric) < len([cell for cell in cells if cell])
    if numeric and not are_names and not few:
        raise DataError(
            f"the first line contains numbers ({', '.join(numeric[:3])}), expected column names; set option "
            "header=false if the file has no header, or header=true if these are the names"
        )


def _table(
    path: Path, form: _Form, options: CsvOptions, text_columns: Callable[[list[str]], Sequence[str]]
) -> pa.Table:
    names = list(form.names)
    repeated = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if repeated is not None:
        first = names.index(repeated)
        second = names.index(repeated, first + 1)
        raise DataError(f"column {repeated!r} occurs twice, in columns {first + 1} and {second + 1}")
    unnamed = {f"\0{k}": k for k, name in enumerate(names) if not name}
    names = [name or f"\0{k}" for k, name in enumerate(names)]
    text = text_columns([name for name in names if name not in unnamed])
    table = _parsed(path, form, options, names, text)
    for index, field in enumerate(table.schema):
        if options.thousands is not None and field.name not in text and pa.types.is_string(field.type):
            column = without_thousands(table[index], options.thousands, form.decimal)
            table = table.set_column(index, field.name, column)
    # columns without name and values come from a delimiter at the end of every line
    empty = [name for name in unnamed if pa.types.is_null(table[name].type)]
    table = table.drop_columns(empty)
    if len(unnamed) - len(empty) > 1:
        raise DataError("column '' occurs twice")
    table = table.rename_columns(["" if name in unnamed else name for name in table.column_names])
    return table.replace_schema_metadata({"decimal": form.decimal, "thousands": options.thousands or ""})


def _parsed(path: Path, form: _Form, options: CsvOptions, names: list[str], text: Sequence[str]) -> pa.Table:
    invalid: list[Any] = []

    def report(row: Any) -> str:
        invalid.append(row)
        return "error"

    def parse(use_threads: bool) -> pa.Table:
        return pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(
                use_threads=use_threads,
                block_size=max(2**20, min(2**30, 8 * form.line_bytes)),
                skip_rows=form.n_skipped,
                skip_rows_after_names=int(form.has_header),
                column_names=names,
                encoding="utf8" if form.encoding == "utf-8" else form.encoding,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=form.delimiter,
                newlines_in_values=True,
                # in a table with one column, an empty line is an empty cell
                ignore_empty_lines=len(names) > 1,
                # Arrow calls it in its own threads, which abort the process if they wait for Python while it exits
                invalid_row_handler=None if use_threads else report,
            ),
            convert_options=pa_csv.ConvertOptions(
                decimal_point=form.decimal,
                null_values=[*NULLS, *options.na_values],
                column_types=dict.fromkeys(text, pa.string()),
            ),
        )

    try:
        table = parse(use_threads=True)
    except pa.ArrowInvalid as error:
        if "invalid UTF8" in str(error):
            raise UnicodeError("not UTF-8 text") from None
        # rows are only numbered by a single thread
        try:
            parse(use_threads=False)
        except pa.ArrowInvalid:
            if not invalid:
                raise error from None
            row = invalid[0]
            where = "" if row.number is None else f"row {row.number - 1 - form.n_skipped - int(form.has_header)}: "
            raise DataError(
                f"not a readable table ({where}{row.actual_columns} cells, expected {row.expected_columns})"
            ) from None
        raise
    if any(pa.types.is_binary(field.type) for field in table.schema):
        raise UnicodeError("not UTF-8 text")
    if form.is_spaced:
        for index, field in enumerate(table.schema):
            if pa.types.is_string(field.type):
                table = table.set_column(index, field.name, pa.compute.utf8_ltrim(table[index], " "))
    return table
