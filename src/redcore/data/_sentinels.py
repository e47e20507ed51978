"""Detection of numbers that probably stand for missing values, such as -999."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from redcore._types import AnyArray
from redcore.data._modality import Modality

if TYPE_CHECKING:
    from redcore.data._dataset import MultimodalData

__all__ = ["Sentinel", "sentinel_message", "sentinels"]

CODES = frozenset(sign * (10**digits - 1) for sign in (-1, 1) for digits in range(2, 7))
"""Numbers that are often written for missing values: -99, 99, -999, 999, ..."""
SAMPLE_ROWS = 20_000
"""Approximate largest number of rows in which codes are searched for, evenly spaced over the data."""
MIN_COUNT, MIN_SHARE = 5, 0.002
"""Smallest number of occurrences, and share of the known values of a column."""
MIN_GAP = 0.5
"""Smallest distance to the other values, relative to the range of their middle 98%."""
MIN_OTHERS = 5
SHOWN = 5


@dataclass(frozen=True)
class Sentinel:
    """Number that probably stands for a missing value in one column.

    Attributes
    ----------
    modality : str
    feature : str
        Name of the column, or its index if it has no name.
    value : int
    share : float
        Share of the known values of the column.
    """

    modality: str
    feature: str
    value: int
    share: float


def sentinels(data: "MultimodalData") -> tuple[Sentinel, ...]:
    """Return the columns in which a number of nines, such as -999, occurs often and far from all other values.

    It must be the smallest or the largest value of its column. Columns of categories are not searched.
    """
    found = []
    for name, modality in data.modalities.items():
        if modality.is_raw:
            continue
        names = data.feature_names.get(name) or tuple(map(str, range(modality.n_features)))
        categories = data.categories.get(name, {})
        values = _spread_rows(modality)
        if not values.size:
            continue
        extremes = np.stack([np.fmin.reduce(values), np.fmax.reduce(values)])
        for side, column in np.argwhere(np.isin(extremes, list(CODES))).tolist():
            if names[column] not in categories:
                value = float(extremes[side, column])
                share = _share(values[:, column], value)
                found += [Sentinel(name, names[column], int(value), share)] if share else []
    return tuple(found)


def sentinel_message(found: tuple[Sentinel, ...]) -> str:
    """Return a message that names the columns of `sentinels`; empty if there are none."""
    if not found:
        return ""
    listed = [f"{one.value} in {one.share:.1%} of {one.modality}: {one.feature}" for one in found[:SHOWN]]
    more = f" and {len(found) - SHOWN} more columns" if len(found) > SHOWN else ""
    values = ",".join(dict.fromkeys(str(one.value) for one in found))
    return (
        f"a number that is far from all other values occurs often ({'; '.join(listed)}{more}). If it stands for a "
        f"missing value, set option na_values={values} of the file, or replace it by NaN"
    )


def _share(column: AnyArray, value: float) -> float:
    """Return the share of `value` among the known values of a column; 0 if it is no sentinel."""
    known = column[~np.isnan(column)]
    others = known[known != value]
    n_equal = len(known) - len(others)
    if n_equal < max(MIN_COUNT, MIN_SHARE * len(known)) or len(others) < MIN_OTHERS:
        return 0.0
    low, high = np.quantile(others, [0.01, 0.99])
    gap = np.abs(others - value).min()
    return n_equal / len(known) if gap > MIN_GAP * (high - low) else 0.0


def _spread_rows(modality: Modality) -> AnyArray:
    """Return the values of evenly spaced rows (time steps), in memory."""
    if modality.stored:
        observed = np.flatnonzero(modality.availability)
        modality = modality.take(observed[:: max(1, -(-len(observed) // SAMPLE_ROWS))]).loaded()
    return modality.values[:: max(1, -(-len(modality.values) // SAMPLE_ROWS))]
