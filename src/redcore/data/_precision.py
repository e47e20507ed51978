"""Detection of features whose values float32 cannot distinguish."""

import warnings
from collections.abc import Sequence

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.exceptions import DataWarning

__all__ = ["collapsed", "packed_dtype", "sampled_rows", "warn_of_rounding"]

TOLERANCE = 1e-3
"""Largest median rounding error of float32, relative to the interquartile range of a feature, that loses nothing."""
SAMPLE_ROWS = 1000
EXACT = 2**53
"""Largest whole number up to which float64 represents all whole numbers."""
FEW_ROWS = 20
"""Smallest number of rows that show the spread of a feature."""
COLUMNS_AT_ONCE = 256
"""Number of features that are compared at once, which bounds the memory."""
LARGE, SMALL = 1e3, 1e-30
"""With fewer rows, inexact values are kept in float64 if their magnitude exceeds `LARGE` or is below `SMALL`."""


def collapsed(values: AnyArray) -> BoolArray:
    """Return True for the features that float32 represents too coarsely, bool (n_features,).

    Examples are times in milliseconds since 1970, or values below the smallest float32. The rounding error of about
    1,000 evenly spread rows is compared with the interquartile range of the feature (or with the standard deviation, if
    that range is zero).

    Parameters
    ----------
    values : array (n, n_features)
        NaN is a missing cell.
    """
    if values.dtype in (np.float32, np.float16) or values.dtype.kind == "b":
        return np.zeros(values.shape[1], dtype=bool)
    rows = values[sampled_rows(len(values))].astype(np.float64)
    errors = np.abs(rows - rows.astype(np.float32))
    inexact: BoolArray = np.asarray((errors > 0).any(axis=0))
    if len(rows) < FEW_ROWS:
        unusual = (np.abs(rows) > LARGE) | (np.abs(rows) < SMALL)
        return np.asarray(((errors > 0) & unusual).any(axis=0))
    has_missing_cells = np.isnan(rows).any(axis=0)
    complete = np.flatnonzero(inexact & ~has_missing_cells)
    for columns in np.array_split(complete, np.arange(COLUMNS_AT_ONCE, len(complete), COLUMNS_AT_ONCE)):
        inexact[columns] = _are_coarse(rows[:, columns], errors[:, columns])
    for column in np.flatnonzero(inexact & has_missing_cells).tolist():
        known = ~np.isnan(rows[:, column])
        inexact[column] = _are_coarse(rows[known, column, None], errors[known, column, None])[0]
    return inexact


def _are_coarse(values: AnyArray, errors: AnyArray) -> BoolArray:
    """Return True for the features with large rounding errors, bool (n_features,).

    `values` and `errors` are (n, n_features) without NaN.
    """
    low, high = np.quantile(values, [0.25, 0.75], axis=0)
    spread = high - low
    for column in np.flatnonzero(spread == 0).tolist():
        spread[column] = values[:, column].copy().std()
    largest = TOLERANCE * spread
    return np.asarray((np.median(errors, axis=0) > largest) & (largest > 0))


def sampled_rows(n_rows: int) -> slice:
    """Return about 1,000 evenly spaced rows, which decide the type of the values."""
    return slice(None, None, max(1, n_rows // SAMPLE_ROWS))


def warn_of_rounding(what: str, values: AnyArray, names: Sequence[str] | None = None) -> None:
    """Warn of whole numbers that float64 rounds.

    Parameters
    ----------
    what : str
        Beginning of the message.
    values : array (n,) or (..., n_features)
        Only 64-bit integers are checked.
    names : sequence of str, optional
        Names of the features.
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return
    if max(int(values.max()), -int(values.min())) <= EXACT:
        return
    large = ((values > EXACT) | (values < -EXACT if values.dtype.kind == "i" else False)).reshape(-1, values.shape[-1])
    if values.ndim > 1:
        feature = int(np.flatnonzero(large.any(axis=0))[0])
        what = f"{what}, feature {feature}" if names is None else f"{what}, column {names[feature]!r}"
    text = f"{what}: whole numbers above 2**53 are rounded; leave the column out if it contains ids"
    warnings.warn(DataWarning(text), stacklevel=4)


def packed_dtype(values: AnyArray) -> type[np.floating]:
    """Return float32, or float64 if a feature of `values` (n, n_features) needs it."""
    return np.float64 if len(values) and collapsed(values).any() else np.float32
