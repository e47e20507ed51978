"""One pass over the observed values: features that carry nothing or too much, and a digest of every sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.data._modality import Modality
from redcore.data._statistics import skewness

__all__ = ["FeatureScan", "scan"]

SAMPLES_AT_ONCE = 4096
SAMPLE_ROWS = 20_000
"""Rows that quantiles are estimated from, spread evenly over the data."""
EXPLODING = 1000.0
"""A feature explodes where its largest absolute value exceeds its 99% quantile this many times."""
SKEWED = 3.0
"""Absolute skewness from which a feature counts as skewed."""


@dataclass(frozen=True, eq=False)
class FeatureScan:
    """What one pass over a modality finds.

    Attributes
    ----------
    constant, exploding, skewed : bool array (n_features,)
    typical : float
        Median absolute value over all features.
    zero : bool array (n_samples,)
        Observed samples whose values are all zero.
    digests : array (n_samples,) of bytes
        Equal for bit-identical samples; empty where the modality is missing.
    lengths : int array (n_observed,) or None
    """

    constant: BoolArray
    exploding: BoolArray
    skewed: BoolArray
    typical: float
    zero: BoolArray
    digests: AnyArray
    lengths: IntArray | None


def scan(modality: Modality) -> FeatureScan:
    """Read all observed values once, a few thousand samples at a time."""
    n_features = modality.n_features
    low, high = np.full(n_features, np.inf), np.full(n_features, -np.inf)
    zero = np.zeros(modality.n_samples, dtype=bool)
    digests = np.zeros(modality.n_samples, dtype="S16")
    lengths, samples = [], []
    every = max(1, modality.n_observed // SAMPLE_ROWS)
    for rows, values, sizes in _pieces(modality):
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        ends = np.cumsum(sizes)
        zero[rows] = np.logical_and.reduceat(~values.any(axis=1), ends - sizes)
        digests[rows] = [_digest(values[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
        lengths.append(sizes)
        # of each chosen sample its middle step
        samples.append(values[(ends - sizes + sizes // 2)[::every]])
    sample = np.concatenate(samples) if samples else np.zeros((0, n_features), dtype=np.float32)
    constant = high <= low
    return FeatureScan(
        constant,
        _exploding(sample, low, high),
        (np.abs(skewness(sample)) > SKEWED) & ~constant,
        float(np.median(np.abs(sample))) if sample.size else 0.0,
        zero,
        digests,
        np.concatenate(lengths) if modality.is_sequence and lengths else None,
    )


def _pieces(modality: Modality) -> Iterator[tuple[IntArray, AnyArray, IntArray]]:
    """Yield sample numbers, their time steps one after the other, and how many each has."""
    for start in range(0, modality.n_samples, SAMPLES_AT_ONCE):
        piece = modality.take(np.arange(start, min(start + SAMPLES_AT_ONCE, modality.n_samples))).loaded()
        rows = start + np.flatnonzero(piece.availability)
        if rows.size:
            sizes = np.ones(len(rows), dtype=np.int64) if piece.lengths is None else piece.lengths
            yield rows, piece.values, sizes


def _digest(values: AnyArray) -> bytes:
    # a digest that ended in a zero byte would be cut by the array that keeps it
    return blake2b(np.ascontiguousarray(values).tobytes(), digest_size=15).digest() + b"."


def _exploding(sample: AnyArray, low: FloatArray, high: FloatArray) -> BoolArray:
    if not len(sample):
        return np.zeros(len(low), dtype=bool)
    largest = np.maximum(np.abs(low), np.abs(high))
    usual = np.quantile(np.abs(sample), 0.99, axis=0)
    # a feature that is nearly always zero has no usual size
    exploding: BoolArray = (usual > 0) & (largest > EXPLODING * usual)
    return exploding
