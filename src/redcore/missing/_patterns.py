"""Missing patterns as text, and dealing them out to samples."""

from collections.abc import Sequence

import numpy as np

from redcore._types import BoolArray, FloatArray, IntArray
from redcore._validation import check_known
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand

__all__ = ["deal", "whole_numbers"]


def deal(demand: Demand, patterns: Sequence[str], counts: IntArray, rng: np.random.Generator) -> BoolArray:
    """Give ``counts[k]`` samples, drawn at random, the pattern ``patterns[k]``, such as ``"audio+text"``.

    ``"nothing"`` is the pattern without any modality.

    Raises
    ------
    MissingRateError
        If a pattern has no modality, where every sample is to keep one.
    UnknownNameError
        If a pattern names a modality that does not exist.
    """
    rows = np.stack([_observed(demand, pattern) for pattern in patterns])
    dealt: BoolArray = rng.permutation(np.repeat(rows, counts, axis=0), axis=0)
    return dealt


def _observed(demand: Demand, pattern: str) -> BoolArray:
    parts = [part.strip() for part in pattern.split("+")]
    if parts == ["nothing"]:
        if demand.at_least_one:
            raise MissingRateError(
                "pattern 'nothing' leaves samples without any modality (at_least_one=False allows it)"
            )
        return np.zeros(len(demand.names), dtype=bool)
    check_known(f"modality of pattern {pattern!r}", parts, demand.names)
    observed: BoolArray = np.isin(demand.names, parts)
    return observed


def whole_numbers(shares: FloatArray, total: int) -> IntArray:
    """Return whole numbers that add up to `total`, nearest to `shares` of it (largest remainders)."""
    exact = shares / shares.sum() * total
    counts: IntArray = np.floor(exact).astype(np.int64)
    most = np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]
    counts[most] += 1
    return counts
