"""Distributions of single features in the training data and in new data."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from redcore._types import AnyArray
from redcore.data import Schema
from redcore.monitoring._columns import DECILES, ColumnCounts, Columns
from redcore.monitoring._counts import Counts
from redcore.monitoring._reference import Reference

__all__ = ["Profile", "decile_counts", "profile"]

MAX_CATEGORIES = 12
"""Largest number of categories that are listed; the rest is pooled."""


@dataclass(frozen=True)
class Profile:
    """Shares of the values of one feature between the deciles of the training data, or by category.

    Attributes
    ----------
    modality, feature : str
    labels : tuple of str
    reference, new : tuple of float
        Shares in the training data and in the new data, in the order of `labels`.
    """

    modality: str
    feature: str
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    new: tuple[float, ...]


def profile(reference: Reference, new: Counts, schema: Schema, modality: str | None, feature: str | None) -> Profile:
    """Return the distributions of one feature."""
    assert modality is not None
    assert feature is not None
    columns = reference.modalities[modality]
    column, counts = columns.names.index(feature), (reference.counts.modalities[modality], new.modalities[modality])
    if column in columns.n_categories:
        labels, pair = _by_category(schema, modality, feature, [one.categories[column] for one in counts])
    else:
        labels, pair = _between(columns, column), [decile_counts(one, np.array([column]))[0] for one in counts]
    shares = [tuple((one / max(1, one.sum())).tolist()) for one in pair]
    return Profile(modality, feature, tuple(labels), shares[0], shares[1])


def decile_counts(counts: ColumnCounts, rows: AnyArray) -> AnyArray:
    """Return the numbers of values between the deciles of the training data, (n_rows, 10)."""
    greater = counts.greater[rows][:, DECILES]
    bounds = np.column_stack([counts.known[rows], greater, np.zeros(len(rows), dtype=np.int64)])
    return np.asarray(-np.diff(bounds, axis=1))


def _between(columns: Columns, column: int) -> list[str]:
    edges = [f"{edge:.4g}" for edge in columns.edges[column, DECILES].tolist()]
    inner = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]}", *inner, f"above {edges[-1]}"]


def _by_category(
    schema: Schema, modality: str, feature: str, counts: list[AnyArray]
) -> tuple[list[str], list[AnyArray]]:
    categories = next(own.categories or {} for own in schema.modalities if own.name == modality)
    labels = [*categories[feature], "unknown"]
    order = np.argsort(-(counts[0] + counts[1]), kind="stable")
    shown, rest = order[:MAX_CATEGORIES], order[MAX_CATEGORIES:]
    pair = [np.append(one[shown], one[rest].sum()) for one in counts]
    return [*(labels[index] for index in shown.tolist()), "others"], pair
