"""Scan of the observed values of a modality for suspicious features, with a digest of every sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.data._modality import Modality
from redcore.data._statistics import skewness

__all__ = ["FeatureScan", "scan"]

SAMPLES_AT_ONCE = 4096
IMAGES_AT_ONCE = 128
SAMPLE_ROWS = 20_000
"""Approximate number of samples for the estimation of quantiles and skewness, evenly spaced over the data."""
EXPLODING = 1000.0
"""A feature is exploding if its largest absolute value exceeds this multiple of its 99% quantile."""
SKEWED = 3.0
"""A feature is skewed if its absolute skewness exceeds this."""


@dataclass(frozen=True, eq=False)
class FeatureScan:
    """Result of the scan of one modality.

    Attributes
    ----------
    constant, exploding, skewed : bool array (n_features,)
        Masks of the features with these properties.
    typical : float or None
        Median absolute value over all features of numbers. It is 0 without observed samples, and None without features
        of numbers.
    zero : bool array (n_samples,)
        Mask of the observed samples whose values are all zero.
    digests : bytes array (n_samples,)
        Hash of the values of each sample, equal for bit-identical samples; empty if the modality is missing.
    lengths : int array (n_observed,) or None
        Sequence lengths of the observed samples, None for vectors.
    missing_cells : float array (n_features,)
        Share of the observed rows (time steps) in which the cell of each feature is missing. The other results do not
        depend on missing cells.
    """

    constant: BoolArray
    exploding: BoolArray
    skewed: BoolArray
    typical: float | None
    zero: BoolArray
    digests: AnyArray
    lengths: IntArray | None
    missing_cells: FloatArray


def scan(modality: Modality, coded: Sequence[int] = ()) -> FeatureScan:
    """Scan all observed values in one pass, a few thousand samples at a time.

    Pixels of images and token ids are not checked feature by feature. `coded` are the indices of the features whose
    values are codes of categories or texts.
    """
    n_features = 0 if modality.is_raw else modality.n_features
    low, high = np.full(n_features, np.inf), np.full(n_features, -np.inf)
    zero = np.zeros(modality.n_samples, dtype=bool)
    digests = np.zeros(modality.n_samples, dtype="S16")
    lengths, sampled_rows = [], []
    n_missing, n_rows = np.zeros(n_features), 0
    every = max(1, modality.n_observed // SAMPLE_ROWS)
    for rows, values, sizes in _chunks(modality):
        ends = np.cumsum(sizes)
        zero[rows] = np.logical_and.reduceat(~values.any(axis=1), ends - sizes)
        digests[rows] = [_digest(values[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
        lengths.append(sizes)
        values = values[:, :n_features]
        low, high = np.fmin(low, np.fmin.reduce(values)), np.fmax(high, np.fmax.reduce(values))
        n_missing, n_rows = n_missing + np.isnan(values).sum(axis=0), n_rows + len(values)
        # one time step per sample, the middle one, so that long sequences do not dominate
        sampled_rows.append(values[(ends - sizes + sizes // 2)[::every]])
    sample = np.concatenate(sampled_rows) if sampled_rows else np.zeros((0, n_features), dtype=np.float32)
    if n_missing.any():
        sample = _filled(sample)
        # columns without any known value
        low, high = np.where(n_missing == n_rows, 0, low), np.where(n_missing == n_rows, 0, high)
    constant = high <= low
    return FeatureScan(
        constant,
        _exploding(sample, low, high),
        (np.abs(skewness(sample)) > SKEWED) & ~constant,
        _median_size(np.delete(sample, coded, axis=1)),
        zero,
        digests,
        np.concatenate(lengths) if modality.is_sequence and lengths else None,
        n_missing / max(1, n_rows),
    )


def _median_size(numbers: AnyArray) -> float | None:
    if not numbers.shape[1]:
        return None
    return float(np.median(np.abs(numbers))) if numbers.size else 0.0


def _filled(sample: AnyArray) -> AnyArray:
    """Return the rows with the median of each column in place of its missing cells, 0 without known values."""
    filled = sample.copy()
    for column in filled.T:
        known = ~np.isnan(column)
        column[~known] = np.median(column[known]) if known.any() else 0.0
    return filled


def _chunks(modality: Modality) -> Iterator[tuple[IntArray, AnyArray, IntArray]]:
    """Yield chunks of observed samples: their row numbers, their concatenated time steps and their lengths.

    Vectors have length 1.
    """
    size = SAMPLES_AT_ONCE if modality.shape is None else IMAGES_AT_ONCE
    for start in range(0, modality.n_samples, size):
        chunk = modality.take(np.arange(start, min(start + size, modality.n_samples))).loaded()
        rows = start + np.flatnonzero(chunk.availability)
        if rows.size:
            sizes = np.ones(len(rows), dtype=np.int64) if chunk.lengths is None else chunk.lengths
            yield rows, chunk.values, sizes


def _digest(values: AnyArray) -> bytes:
    # NumPy strips trailing zero bytes from fixed-width bytes, so the digest must end in another one
    return blake2b(np.ascontiguousarray(values).tobytes(), digest_size=15).digest() + b"."


def _exploding(sample: AnyArray, low: FloatArray, high: FloatArray) -> BoolArray:
    if not len(sample):
        return np.zeros(len(low), dtype=bool)
    largest = np.maximum(np.abs(low), np.abs(high))
    quantile = np.quantile(np.abs(sample), 0.99, axis=0)
    # a feature that is nearly always zero has no typical magnitude to compare with
    exploding: BoolArray = (quantile > 0) & (largest > EXPLODING * quantile)
    return exploding
