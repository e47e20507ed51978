"""Recordings of sensors: time series of one or several channels, from CSV, TSV or npy files."""

import csv
import io
import tokenize
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError
from redcore.extract._source import Source

__all__ = ["Fill", "Series", "read_series"]

NPY_MAGIC = b"\x93NUMPY"
EMPTY_CELLS = ("", "na", "nan", "null")

Fill = Literal["error", "linear"]
"""Treatment of missing cells: an error, or linear interpolation in time."""


@dataclass(frozen=True, eq=False)
class Series:
    """Time series of the channels of a sensor.

    Attributes
    ----------
    values : float64 array (n_steps, n_channels)
        Finite.
    channels : tuple of str
    """

    values: AnyArray
    channels: tuple[str, ...]


def read_series(source: Source, skip: Collection[str], fill: Fill) -> Series:
    """Read a series with time steps in rows and channels in columns.

    Parameters
    ----------
    source : Source
        npy array (n_steps,) or (n_steps, n_channels); or CSV or TSV in UTF-8. If the first row of a table has a cell
        that is not a number, it contains the names of the channels.
    skip : collection of str
        Names of columns that are no channels, such as time stamps.
    fill : {"error", "linear"}
        Treatment of missing cells.

    Raises
    ------
    DataError
        If the source is damaged, or if a cell is not a finite number. The message names channel and row.
    """
    with source.opened() as stream:
        is_array = stream.read(len(NPY_MAGIC)) == NPY_MAGIC
        stream.seek(0)
        names, values = _array(stream) if is_array else _table(stream)
    kept = [index for index, name in enumerate(names) if name not in skip]
    if not kept or not len(values):
        raise DataError(f"contains no values of a channel; columns: {', '.join(names)[:200] or 'none'}")
    channels = tuple(names[index] for index in kept)
    return Series(_filled(values[:, kept], channels, fill), channels)


def _array(stream: BinaryIO) -> tuple[list[str], AnyArray]:
    try:
        values = np.load(stream, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError, MemoryError) as error:
        raise DataError(f"not a readable npy array ({' '.join(str(error).split())[:200]})") from None
    if values.ndim not in (1, 2) or values.dtype.kind not in "biuf":
        raise DataError(f"an array {values.shape} of {values.dtype}, expected numbers (n_steps, n_channels)")
    values = values.reshape(len(values), -1).astype(np.float64)
    return [f"channel_{index + 1}" for index in range(values.shape[1])], values


def _table(stream: BinaryIO) -> tuple[list[str], AnyArray]:
    try:
        text = stream.read().decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = next((mark for mark in "\t;," if mark in first), ",")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"not a readable table ({error})") from None
    if not rows:
        raise DataError("the table is empty")
    has_header = any(_number(cell) is None for cell in rows[0])
    names = [cell.strip() if has_header else f"channel_{index + 1}" for index, cell in enumerate(rows[0])]
    if len(set(names)) < len(names):
        raise DataError(f"two columns have the same name: {', '.join(names)[:200]}")
    body = rows[has_header:]
    values = np.empty((len(body), len(names)))
    for number, row in enumerate(body, start=1):
        if len(row) != len(names):
            raise DataError(f"row {number} has {len(row)} cells, expected {len(names)}")
        cells = [_number(cell) for cell in row]
        if None in cells:
            column = cells.index(None)
            raise DataError(f"row {number}, column {names[column]!r}: {row[column][:40]!r} is not a number")
        values[number - 1] = cells
    return names, values


def _number(cell: str) -> float | None:
    """Return the number in a cell, NaN for an empty cell, None for other text."""
    if cell.strip().lower() in EMPTY_CELLS:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        return None


def _filled(values: AnyArray, channels: tuple[str, ...], fill: Fill) -> AnyArray:
    """Return the values without missing cells."""
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise DataError(f"row {row + 1}, channel {channels[column]!r} is {values[row, column]}, expected a number")
    for column, name in enumerate(channels):
        missing = np.isnan(values[:, column])
        if not missing.any():
            continue
        if fill == "error" or missing.all():
            raise DataError(
                f"channel {name!r} has {missing.sum()} missing cells of {len(missing)}, the first in row "
                f"{int(missing.argmax()) + 1}; setting fill=linear interpolates them"
            )
        observed = np.flatnonzero(~missing)
        values[missing, column] = np.interp(np.flatnonzero(missing), observed, values[observed, column])
    return values
