"""Columns of categories, booleans and dates as numbers."""

import contextlib
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from redcore._types import AnyArray
from redcore._validation import is_missing
from redcore.data._precision import warn_of_rounding
from redcore.exceptions import DataError, DataWarning

__all__ = ["Categories", "MixedColumns", "as_category", "check_codes", "mixed_columns"]

Categories: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Categories by modality and feature, for the features that are categories. A code is a position in this tuple."""

MICROSECONDS_PER_DAY = 86_400_000_000
DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
"""Types of dates, times and durations; those of pandas are subclasses."""
AMOUNT = re.compile(r"[-+]?[$€£]? ?\d+(?:[,.'\u2019\s]\d{3})*(?:[.,]\d+)? ?[%‰$€£]?")
"""Numbers with a decimal comma, marks between thousands, a currency or a percent sign, such as "1,250.0 €"."""
DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
VALUE = re.compile(f"{AMOUNT.pattern}|{DATE.pattern}")
MANY_CATEGORIES, MANY_WORDS = 40, 3
"""A column of text is probably free text if it has more categories, with at least this median number of words."""


@dataclass(frozen=True, eq=False)
class MixedColumns:
    """Columns of one modality as numbers, an input of `MultimodalData.from_arrays`.

    Attributes
    ----------
    values : float64 array (n_samples, n_features)
        Categories are codes, booleans are 0 and 1, dates are days since 1970. NaN is a missing cell.
    names : tuple of str
    categories : dict of str to tuple of str
        Categories of the features that are categories, by name; the different texts of the features in `text`.
    text : tuple of str
        Features that are free text.
    """

    values: AnyArray
    names: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    text: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)


def mixed_columns(what: str, columns: Mapping[str, Any], text: Collection[str] = ()) -> MixedColumns:
    """Convert columns of any type to numbers.

    Parameters
    ----------
    what : str
        Modality, for error messages.
    columns : mapping of str to Arrow array, pandas Series or array (n_samples,)
        Numbers, booleans, dates and times, text or dictionaries (pandas categories). Text becomes a category. Empty
        text is a missing cell.
    text : collection of str
        Columns of free text. Their values are codes like those of categories.

    Warns
    -----
    DataWarning
        If a column of categories is probably free text.

    Raises
    ------
    DataError
        If a column has another type, or if it is text that mostly consists of numbers.

    Examples
    --------
    >>> mixed_columns("modality 'patient'", {"age": [61, 47], "ward": ["surgery", None]}).values
    array([[61.,  0.],
           [47., nan]])
    """
    values, categories = [], {}
    for name, column in columns.items():
        place = f"{what}, column {name!r}"
        array = _arrow(place, column)
        numbers, own = _numbers(place, as_category(place, array) if name in text else array)
        values.append(numbers)
        if own is not None:
            categories[str(name)] = own
    names = tuple(map(str, columns))
    return MixedColumns(np.stack(values, axis=1), names, categories, tuple(name for name in names if name in text))


def as_category(place: str, values: pa.Array | pa.ChunkedArray, empty: Collection[str] = ("",)) -> pa.DictionaryArray:
    """Return a column as a dictionary of its different texts, in alphabetical order. `empty` are texts of empty cells.

    Numbers are written with up to 15 digits.

    Raises
    ------
    DataError
        If the column holds lists, bytes or other values without a text. The message begins with `place`.
    """
    import pyarrow.compute as pc  # takes a fifth of a second

    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64()).to_pylist()
        texts = pa.array([None if x is None or x != x else f"{x:.15g}" for x in numbers], pa.string())
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise DataError(f"{place} is {kind}, expected text or numbers as categories")
    else:
        texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
    texts = pc.if_else(pc.is_in(texts, pa.array([*empty], pa.string())), None, texts)
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    names = pa.array(sorted(pc.unique(texts).drop_null().to_pylist()), pa.string())
    return pa.DictionaryArray.from_arrays(pc.index_in(texts, value_set=names), names)


def check_codes(what: str, values: AnyArray, n_categories: int) -> None:
    """Raise `DataError` unless `values` are NaN or codes from 0 to `n_categories`, which stands for "unknown"."""
    known = values[~np.isnan(values)]
    wrong = (known != np.floor(known)) | (known < 0) | (known > n_categories)
    if wrong.any():
        raise DataError(f"{what}: {known[wrong][0]} is no code of a category, expected 0 to {n_categories - 1}")


def _arrow(what: str, column: Any) -> pa.Array:
    """Return a column as one Arrow array. Text and numbers in one column become text."""
    if isinstance(column, pa.ChunkedArray | pa.Array):
        array = column
    elif hasattr(column, "to_arrow"):
        array = column.to_arrow()
    else:
        array = _converted(what, column)
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries() if pa.types.is_dictionary(array.type) else array
        array = array.combine_chunks()
    return array


def _converted(what: str, column: Any) -> pa.Array:
    """Return a pandas Series or an array as an Arrow array. Text and numbers in one column become text."""
    _check_dates(what, column)
    with contextlib.suppress(Exception):  # objects of any class can raise errors of any class
        return pa.array(_with_text_categories(column), from_pandas=True)
    entries = np.asarray(column, dtype=object)
    if entries.ndim != 1:
        raise DataError(f"{what} contains arrays, expected numbers, text or dates")
    known = [None if is_missing(entry) else entry for entry in entries]
    with contextlib.suppress(Exception):
        return pa.array(known, from_pandas=True)
    allowed = str | bool | int | float | np.number | None
    other = next((type(entry) for entry in known if not isinstance(entry, allowed)), None)
    if other is not None:
        raise DataError(f"{what} contains values that are not numbers, text or dates ({other.__name__})")
    return pa.array([None if entry is None else str(entry) for entry in known])


def _check_dates(what: str, column: Any) -> None:
    """Raise `DataError` if a column of objects has dates and numbers: Arrow would count the numbers from 1970 on."""
    dtype = getattr(column, "dtype", np.dtype(object))
    entries = np.asarray(getattr(dtype, "categories", column if dtype == np.dtype(object) else ()))
    if entries.dtype != object or entries.ndim != 1:
        return
    known = [entry for entry in entries if not is_missing(entry)]
    has_dates = any(isinstance(entry, DATES) for entry in known)
    numbers = (entry for entry in known if isinstance(entry, int | float | np.number) and not isinstance(entry, DATES))
    if has_dates and (first := next(numbers, None)) is not None:
        raise DataError(f"{what} contains dates and numbers such as {first!r}, expected one of them")


def _with_text_categories(column: Any) -> Any:
    """Return a pandas Series with the text of its categories, if these are intervals or periods."""
    categories = getattr(getattr(column, "dtype", None), "categories", None)
    if categories is None or type(categories).__name__ not in ("IntervalIndex", "PeriodIndex"):
        return column
    return column.cat.rename_categories(list(map(str, categories)))


def _numbers(what: str, array: pa.Array) -> tuple[AnyArray, tuple[str, ...] | None]:
    """Return a column as float64 (n_samples,), and its categories if it has any."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        try:
            return _codes(array)
        except (OverflowError, ValueError) as error:  # dates that Python cannot hold
            raise DataError(f"{what} has categories of type {kind.value_type} out of range ({error})") from None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        return _text(what, array.cast(pa.string()))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        moments = array.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64())
        return _floats(moments) / MICROSECONDS_PER_DAY, None
    if pa.types.is_duration(kind):
        return _floats(array.cast(pa.duration("us"), safe=False).cast(pa.int64())) / MICROSECONDS_PER_DAY, None
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null, pa.types.is_decimal)
    if not any(matches(kind) for matches in plain):
        raise DataError(f"{what} is {kind}, expected numbers, booleans, dates or categories")
    if pa.types.is_int64(kind) or pa.types.is_uint64(kind):
        warn_of_rounding(what, array.drop_null().to_numpy())
    return _floats(array), None


def _floats(array: pa.Array) -> AnyArray:
    # a copy, since Arrow arrays are read-only
    return np.array(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _codes(array: pa.DictionaryArray) -> tuple[AnyArray, tuple[str, ...]]:
    codes = _floats(array.indices)
    entries = array.dictionary.to_pylist()
    names = list(dict.fromkeys(str(entry) for entry in entries if entry is not None))
    # entries of the dictionary may be null, or equal as text
    place = {name: code for code, name in enumerate(names)}
    code_of = np.array([np.nan if entry is None else place[str(entry)] for entry in entries] or [np.nan])
    known = ~np.isnan(codes)
    codes[known] = code_of[codes[known].astype(np.int64)]
    return codes, tuple(names)


def _text(what: str, array: pa.Array) -> tuple[AnyArray, tuple[str, ...] | None]:
    """Return codes of the categories in alphabetical order, or numbers if all entries are numbers or dates with dots.

    Raise `DataError` if at least half of the different entries are numbers, dates or amounts such as "12%" and "1,250",
    since the others may be typing errors.
    """
    import pyarrow.compute as pc  # takes a fifth of a second, and data without text needs no such function

    trimmed = pc.utf8_trim_whitespace(array)
    trimmed = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    codes, names = _codes(trimmed.dictionary_encode())
    numbers = [_number(name) for name in names]
    if names and None not in numbers:
        known = ~np.isnan(codes)
        codes[known] = np.array(numbers)[codes[known].astype(np.int64)]
        return codes, None
    days = [_day(name) for name in names]
    if names and None not in days:
        known = ~np.isnan(codes)
        codes[known] = np.array(days)[codes[known].astype(np.int64)]
        return codes, None
    amounts = [number is not None or bool(VALUE.fullmatch(name)) for number, name in zip(numbers, names, strict=True)]
    if names and sum(amounts) * 2 >= len(names):
        first = names[amounts.index(False) if False in amounts else numbers.index(None)]
        row = trimmed.to_pylist().index(first)
        remedy = "If the column holds categories, name it in option category of the table, or convert it to a "
        remedy += "categorical type (in pandas: astype('category'))"
        if AMOUNT.fullmatch(first):
            remedy = "Write amounts as numbers, without units, or set options decimal and thousands of a CSV file"
        elif DATE.fullmatch(first):
            remedy = "Write dates as 2020-12-31, or all of them as 31.12.2020"
        raise DataError(f"{what} is string, expected numbers; row {row} is {first[:40]!r}. {remedy}")
    _warn_of_free_text(what, names)
    order = np.argsort(np.array(names, dtype=object), kind="stable") if names else np.zeros(0, dtype=np.int64)
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    known = ~np.isnan(codes)
    codes[known] = rank[codes[known].astype(np.int64)]
    return codes, tuple(names[index] for index in order)


def _warn_of_free_text(what: str, names: Sequence[str]) -> None:
    """Warn of a column of categories that is probably free text."""
    if len(names) <= MANY_CATEGORIES:
        return
    n_words = np.median([len(name.split()) for name in names])
    if n_words >= MANY_WORDS:
        text = (
            f"{what}: {len(names)} different texts of {n_words:g} words are read as categories. If the column is free "
            "text, set option text to its name; if it holds categories, set option category, or convert it to a "
            "categorical type"
        )
        warnings.warn(DataWarning(text), stacklevel=4)


def _day(text: str) -> float | None:
    """Return the days since 1970 of a date such as "31.12.2020"; None for any other text."""
    try:
        return float((datetime.strptime(text, "%d.%m.%Y") - datetime(1970, 1, 1)).days)
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def union(parts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the categories of several columns, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for part in parts for name in part))
