"""Assignment of missing patterns to samples: patterns written as text, and random patterns."""

from collections.abc import Sequence

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore._types import BoolArray, FloatArray, IntArray
from redcore._validation import check_known
from redcore.data import MultimodalData, concatenate
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand

__all__ = ["apportion", "assign_patterns", "under_patterns"]


def assign_patterns(demand: Demand, patterns: Sequence[str], counts: IntArray, rng: np.random.Generator) -> BoolArray:
    """Assign pattern ``patterns[k]`` to ``counts[k]`` samples, drawn at random.

    Parameters
    ----------
    demand : Demand
    patterns : sequence of str
        Observed modalities joined by ``+``, such as ``"audio+text"``; ``"nothing"`` is the pattern without any
        modality.
    counts : int array (n_patterns,)
        Number of samples per pattern; they must add up to ``demand.n_samples``.
    rng : numpy.random.Generator

    Returns
    -------
    bool array (n_samples, n_modalities)
        True = observed.

    Raises
    ------
    MissingRateError
        If a pattern has no modality and every sample must keep one.
    UnknownNameError
        If a pattern contains an unknown modality.
    """
    rows = np.stack([_observed_modalities(demand, pattern) for pattern in patterns])
    availability: BoolArray = rng.permutation(np.repeat(rows, counts, axis=0), axis=0)
    return availability


def _observed_modalities(demand: Demand, pattern: str) -> BoolArray:
    names = [name.strip() for name in pattern_modalities(pattern)]
    if names == ["nothing"]:
        if demand.at_least_one:
            raise MissingRateError(
                "pattern 'nothing' leaves samples without any modality (pass at_least_one=False to allow this)"
            )
        return np.zeros(len(demand.names), dtype=bool)
    check_known(f"modality of pattern {pattern!r}", names, demand.names)
    observed: BoolArray = np.isin(demand.names, names)
    return observed


def apportion(shares: FloatArray, total: int) -> IntArray:
    """Split `total` into integer counts in proportion to `shares` (largest-remainder method)."""
    exact = shares / shares.sum() * total
    counts: IntArray = np.floor(exact).astype(np.int64)
    largest_remainders = np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]
    counts[largest_remainders] += 1
    return counts


def under_patterns(data: MultimodalData, n_patterns: int, rng: np.random.Generator) -> MultimodalData:
    """Return `n_patterns` copies of every sample: one unchanged, the others with random observed modalities removed.

    In each reduced copy of a sample, the number of modalities that stay is drawn approximately uniformly from 1 to the
    number that the sample observes. Samples without any observed modality stay unchanged. Used to choose the epoch and
    the stacking weights under many missing patterns.

    Returns
    -------
    MultimodalData
        ``n_patterns * data.n_samples`` samples, one copy of the whole data after the other.
    """
    observed = data.availability
    copies = [data]
    for _ in range(n_patterns - 1):
        keep = observed & (rng.random(observed.shape) < rng.random((len(observed), 1)))
        one = np.where(observed, rng.random(observed.shape), -1.0).argmax(axis=1)
        keep[np.arange(len(keep)), one] = observed[np.arange(len(keep)), one]
        copies.append(data.hide(keep))
    return concatenate(copies)
