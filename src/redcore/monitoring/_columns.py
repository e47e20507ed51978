"""Counts of the values of columns between fixed edges, from which distributions are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data import MultimodalData

__all__ = ["DECILES", "HIGH", "LOW", "ColumnCounts", "Columns", "column_values"]

LEVELS = np.arange(1, 20) / 20
"""Levels of the quantiles that are the inner edges."""

FAR_RANGES = 5
"""Distance of the outermost edges from the training range, in widths of this range."""

FAR_LOW, LOW, HIGH, FAR_HIGH = 0, 1, len(LEVELS) + 2, len(LEVELS) + 3
DECILES = slice(3, 20, 2)
"""Positions of the edges at the nine deciles."""

CHUNK_CELLS = 2**22
"""Number of values that are compared with an edge at once."""


def column_values(data: MultimodalData, name: str) -> AnyArray:
    """Return one row per observed sample of a modality in memory, (n_observed, n_columns). NaN is a missing cell.

    A column of free text has the number of words. The row of a sequence has the mean of each feature over time, and the
    number of time steps as the last column. That of an image has the mean of all pixels, and that of token ids the
    number of time steps.
    """
    modality = data.modalities[name]
    if name in data.text:
        return _with_word_counts(data, name)
    if modality.shape is not None:
        return np.asarray(modality.values.mean(axis=1, dtype=np.float64))[:, None]
    if modality.padding is not None and modality.lengths is not None:
        return modality.lengths.astype(np.float64)[:, None]
    if modality.offsets is None:
        return modality.values
    starts, values = modality.offsets[:-1], modality.values
    if not len(starts):
        return np.zeros((0, modality.n_features + 1))
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0).astype(np.float64), starts, axis=0)
    sizes = np.add.reduceat(known.astype(np.int64), starts, axis=0)
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    return np.column_stack([means, np.diff(modality.offsets)])


def _with_word_counts(data: MultimodalData, name: str) -> AnyArray:
    """Return the values of a modality with the number of words in place of the codes of free text."""
    values = data.modalities[name].values.copy()
    for feature in data.text[name]:
        column = data.feature_names[name].index(feature)
        n_words = np.array([len(text.split()) for text in data.categories[name][feature]])
        known = ~np.isnan(values[:, column])
        values[known, column] = n_words[values[known, column].astype(np.int64)]
    return values


@dataclass(frozen=True, eq=False)
class Columns:
    """Names, edges and categories of the columns of one modality, or of the predictions.

    Attributes
    ----------
    names : tuple of str
    edges : array (n_columns, 23)
        In increasing order: the training minimum less `FAR_RANGES` widths of the training range, the largest number
        below the minimum, the 19 quantiles at 5%, 10%, ..., 95%, the maximum, and the maximum plus `FAR_RANGES` widths.
        NaN for columns without values. The type is that of the training data, to which new values are converted.
    n_categories : dict of int to int
        Number of categories of the columns that hold codes. The code of unknown categories is this number.
    """

    names: tuple[str, ...]
    edges: AnyArray
    n_categories: Mapping[int, int]

    @classmethod
    def fit(cls, values: AnyArray, names: tuple[str, ...], n_categories: Mapping[int, int]) -> Self:
        """Compute the edges of training values, (n_samples, n_columns)."""
        ordered = np.sort(values, axis=0)  # NaN is last
        known = (~np.isnan(ordered)).sum(axis=0)
        places = [np.ceil(known * level).astype(np.int64) - 1 for level in LEVELS]
        places = [np.zeros_like(known), *places, known - 1]
        # an empty column has only NaN, and a modality that is never observed has no row
        rows = np.clip(np.stack(places), 0, max(0, len(ordered) - 1))
        quantiles = np.take_along_axis(ordered, rows, axis=0) if len(ordered) else np.full(rows.shape, np.nan)
        low, high = quantiles[0], quantiles[-1]
        with np.errstate(over="ignore", invalid="ignore"):
            far = np.where(high > low, FAR_RANGES * (high - low), np.inf)
            # an infinite edge is never passed
            edges = [low - far, np.nextafter(low, -np.inf), *quantiles[1:-1], high, high + far]
        return cls(names, np.stack(edges, axis=1).astype(values.dtype), dict(n_categories))

    def count(self, values: AnyArray) -> "ColumnCounts":
        """Count the values of new samples, (n_samples, n_columns)."""
        n_columns, n_edges = self.edges.shape
        greater = np.zeros((n_columns, n_edges), dtype=np.int64)
        known = np.zeros(n_columns, dtype=np.int64)
        categories = {column: np.zeros(size + 1, dtype=np.int64) for column, size in self.n_categories.items()}
        size = max(1, CHUNK_CELLS // max(1, n_columns))
        for start in range(0, len(values), size):
            chunk = values[start : start + size].astype(self.edges.dtype, copy=False)
            known += np.count_nonzero(~np.isnan(chunk), axis=0)
            for index in range(n_edges):
                greater[:, index] += np.count_nonzero(chunk > self.edges[:, index], axis=0)
            for column, counts in categories.items():
                codes = chunk[:, column]
                counts += np.bincount(codes[~np.isnan(codes)].astype(np.int64), minlength=len(counts))
        return ColumnCounts(len(values), known, greater, categories)

    def outside(self, values: AnyArray) -> BoolArray:
        """Return True for the values outside the training range, bool (n_samples, n_columns)."""
        values = values.astype(self.edges.dtype, copy=False)
        outside: BoolArray = (values <= self.edges[:, LOW]) | (values > self.edges[:, HIGH])
        outside[:, list(self.n_categories)] = False
        return outside

    def unknown(self, values: AnyArray) -> BoolArray:
        """Return True for the categories that the training data does not have, bool (n_samples, n_columns)."""
        unknown = np.zeros(values.shape, dtype=bool)
        for column, size in self.n_categories.items():
            unknown[:, column] = values[:, column] == size
        return unknown


@dataclass(eq=False)
class ColumnCounts:
    """Counts of the values of columns.

    Attributes
    ----------
    n_values : int
        Number of samples.
    known : int array (n_columns,)
        Number of values that are not missing.
    greater : int array (n_columns, n_edges)
        Number of values above each edge of `Columns`.
    categories : dict of int to int array (n_categories + 1,)
        Number of values of each category by column; the last entry is that of unknown categories.
    """

    n_values: int
    known: IntArray
    greater: IntArray
    categories: dict[int, IntArray]

    def __iadd__(self, other: "ColumnCounts") -> Self:
        self.n_values += other.n_values
        self.known += other.known
        self.greater += other.greater
        for column, counts in self.categories.items():
            counts += other.categories[column]
        return self

    def below(self) -> IntArray:
        """Return the number of values below the training range, by column."""
        return np.asarray(self.known - self.greater[:, LOW])

    def above(self) -> IntArray:
        """Return the number of values above the training range, by column."""
        return np.asarray(self.greater[:, HIGH])

    def far(self) -> IntArray:
        """Return the number of values that are far outside the training range, by column."""
        return np.asarray(self.known - self.greater[:, FAR_LOW] + self.greater[:, FAR_HIGH])
