"""Moments, skewness and ranks of features."""

from collections.abc import Iterable

import numpy as np

from redcore._types import AnyArray

__all__ = ["average_ranks", "moments", "skewness"]

RESOLUTION = 1e-7
"""Features with a smaller ratio of standard deviation to magnitude are constant up to float32 rounding."""


def moments(pieces: Iterable[AnyArray], n_features: int, missing: bool = False) -> tuple[AnyArray, AnyArray]:
    """Return mean and scale of every feature, both float64 (n_features,), in one pass over the data.

    The scale is the standard deviation, or 1 for constant features.

    Parameters
    ----------
    pieces : iterable of array (n, n_features)
        Non-empty chunks of the data.
    n_features : int
    missing : bool, default False
        If True, NaN stands for a missing cell and is ignored.
    """
    if missing:
        return _known_moments(pieces, n_features)
    count, mean, squares = 0, np.zeros(n_features), np.zeros(n_features)
    for values in pieces:
        # Chan, Golub, LeVeque (1979): update the mean and the sum of squared deviations with those of a chunk
        chunk_mean, total = values.mean(axis=0, dtype=np.float64), count + len(values)
        shift = chunk_mean - mean
        squares += ((values - chunk_mean) ** 2).sum(axis=0) + shift**2 * (count * len(values) / total)
        mean, count = mean + shift * (len(values) / total), total
    deviation = np.sqrt(squares / max(1, count))
    return mean, np.where(deviation <= RESOLUTION * np.abs(mean), 1.0, deviation)


def _known_moments(pieces: Iterable[AnyArray], n_features: int) -> tuple[AnyArray, AnyArray]:
    count, mean, squares = np.zeros(n_features), np.zeros(n_features), np.zeros(n_features)
    for values in pieces:
        known = ~np.isnan(values)
        size = known.sum(axis=0)
        total = count + size
        chunk_mean = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64) / size.clip(min=1)
        shift = np.where(size > 0, chunk_mean - mean, 0.0)
        squares += (np.where(known, values - chunk_mean, 0.0) ** 2).sum(axis=0)
        squares += shift**2 * (count * size / total.clip(min=1))
        mean, count = mean + shift * (size / total.clip(min=1)), total
    deviation = np.sqrt(squares / count.clip(min=1))
    return mean, np.where(deviation <= RESOLUTION * np.abs(mean), 1.0, deviation)


def skewness(rows: AnyArray) -> AnyArray:
    """Return the skewness of every feature, float64 (n_features,).

    It is 0 for constant features, and for all features if `rows` (n, n_features) is empty.
    """
    if not len(rows):
        return np.zeros(rows.shape[1])
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    constant = spread <= RESOLUTION * np.abs(rows).max(axis=0)
    scaled = centred / np.where(constant, 1.0, spread)
    # two products are cheaper than a power
    cubes: AnyArray = (scaled * scaled * scaled).mean(axis=0)
    return np.where(constant, 0.0, cubes)


def average_ranks(values: AnyArray) -> AnyArray:
    """Return the ranks of the values along the first axis, from 1; equal values have their average rank.

    The result is that of ``scipy.stats.rankdata(values, axis=0)``, whose import takes half a second.

    Parameters
    ----------
    values : array (n, ...)
        Without NaN.

    Examples
    --------
    >>> average_ranks(np.array([5.0, 2.0, 2.0])).tolist()
    [3.0, 1.5, 1.5]
    """
    order = np.argsort(values, axis=0, kind="stable")
    ascending = np.take_along_axis(values, order, axis=0)
    starts = np.ones(values.shape, dtype=bool)
    starts[1:] = ascending[1:] != ascending[:-1]
    ends = np.ones(values.shape, dtype=bool)
    ends[:-1] = starts[1:]
    position = np.broadcast_to(np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1)), values.shape)
    first = np.maximum.accumulate(np.where(starts, position, 0), axis=0)
    last = np.minimum.accumulate(np.where(ends, position, len(values))[::-1], axis=0)[::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, 1 + (first + last) / 2, axis=0)
    return ranks
