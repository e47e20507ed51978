"""Paired comparison of methods on the same data, protocols and seeds, and hence the same splits and masks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redcore._statistics import holm
from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.benchmark._aggregate import done, pattern_mean
from redcore.benchmark._record import Record
from redcore.benchmark._statistics import RESAMPLES, interval, signed_rank

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """Score difference between a method and the reference method, on the cells that both have.

    Attributes
    ----------
    method : str
    by_data : dict of str to tuple (mean, low, high)
        Mean difference of `pattern_mean` per data set over protocols and seeds, with a 95% percentile-bootstrap
        interval. Seeds are resampled within each protocol.
    mean, low, high : float
        Mean difference and interval over all data sets, with equal weights.
    wins, losses : int
        Number of blocks (data sets and protocols) in which the mean score over seeds is higher, and lower.
    p_value, adjusted : float or None
        P-value of Wilcoxon's signed-rank test over blocks, without and with Holm's correction for the number of
        methods. None with fewer than six blocks, when no result can be significant.
    """

    method: str
    by_data: dict[str, tuple[float, float, float]]
    mean: float
    low: float
    high: float
    wins: int
    losses: int
    p_value: float | None
    adjusted: float | None


RunKey = tuple[str, str, int, int]
"""Data set, protocol, seed and fold."""

Blocks = dict[tuple[str, str], AnyArray]


def compare(records: Sequence[Record], base: str, seed: int = 0) -> list[Difference]:
    """Compare every method with a reference method.

    Parameters
    ----------
    records : sequence of Record
    base : str
        Title of the reference method.
    seed : int
        Random seed of the bootstrap.

    Returns
    -------
    list of Difference
        Sorted by descending mean difference.

    Raises
    ------
    UnknownNameError
        If `base` has no finished records.
    """
    scores: dict[str, dict[RunKey, float]] = defaultdict(dict)
    for record in done(records):
        run = (record.data_title, record.protocol_title, record.seed, record.fold or 0)
        scores[record.method_title][run] = pattern_mean(record)
    check_known("method", [base], scores)
    differences = []
    for method in scores:
        blocks = _blocks(scores[method], scores[base])
        if method != base and blocks:
            differences.append(_difference(method, blocks, np.random.default_rng(seed)))
    return sorted(_with_holm(differences), key=lambda difference: -difference.mean)


def _blocks(one: Mapping[RunKey, float], other: Mapping[RunKey, float]) -> Blocks:
    """Return the paired differences (n_runs,) per data set and protocol."""
    by_block: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cell in sorted(one.keys() & other.keys()):
        by_block[cell[:2]].append(one[cell] - other[cell])
    return {block: np.array(values) for block, values in by_block.items()}


def _difference(method: str, blocks: Blocks, rng: np.random.Generator) -> Difference:
    data_sets = sorted({data for data, _ in blocks})
    # bootstrap means (RESAMPLES,) per data set, used for the intervals per data set and for the overall interval
    resampled = {data: _resampled([v for (name, _), v in blocks.items() if name == data], rng) for data in data_sets}
    means = {data: float(np.mean([v.mean() for (name, _), v in blocks.items() if name == data])) for data in data_sets}
    by_data = {data: (means[data], *interval(resampled[data])) for data in data_sets}
    low, high = interval(np.mean(list(resampled.values()), axis=0))
    block_means = np.array([values.mean() for values in blocks.values()])
    return Difference(
        method,
        by_data,
        float(np.mean(list(means.values()))),
        low,
        high,
        int((block_means > 0).sum()),
        int((block_means < 0).sum()),
        signed_rank(block_means),
        None,
    )


def _resampled(blocks: Sequence[AnyArray], rng: np.random.Generator) -> AnyArray:
    draws = [rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1) for values in blocks]
    return np.asarray(np.mean(draws, axis=0))


def _with_holm(differences: Sequence[Difference]) -> list[Difference]:
    adjusted = holm([difference.p_value for difference in differences])
    return [replace(difference, adjusted=p) for difference, p in zip(differences, adjusted, strict=True)]
