"""Paired comparison of methods: the same data, protocol and seed, hence the same split and masks."""

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
    """How a method's score differs from that of another, on the cells that both have.

    Attributes
    ----------
    method : str
    by_data : dict of str to tuple (mean, low, high)
        Mean difference of `pattern_mean` by data set, over protocols and seeds, with a 95% percentile-bootstrap
        interval over the seeds of every protocol.
    mean, low, high : float
        The same over all data sets, each with the same weight.
    wins, losses : int
        Data sets and protocols in which the mean over seeds is higher, and lower.
    p_value, adjusted : float or None
        Wilcoxon signed-rank test over data sets and protocols, and after Holm's correction over all methods compared;
        None with fewer than six of them, where no result could be significant.
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


Place = tuple[str, str, int, int]
"""Data set, protocol, seed and fold."""

Blocks = dict[tuple[str, str], AnyArray]


def compare(records: Sequence[Record], base: str, seed: int = 0) -> list[Difference]:
    """Compare every method with `base`, best first.

    Parameters
    ----------
    records : sequence of Record
    base : str
        Title of a method.
    seed : int
        Of the bootstrap.

    Raises
    ------
    UnknownNameError
        If no finished record is of `base`.
    """
    scores: dict[str, dict[Place, float]] = defaultdict(dict)
    for record in done(records):
        place = (record.data_title, record.protocol_title, record.seed, record.fold or 0)
        scores[record.method_title][place] = pattern_mean(record)
    check_known("method", [base], scores)
    found = []
    for method in scores:
        blocks = _blocks(scores[method], scores[base])
        if method != base and blocks:
            found.append(_difference(method, blocks, np.random.default_rng(seed)))
    return sorted(_with_holm(found), key=lambda difference: -difference.mean)


def _blocks(one: Mapping[Place, float], other: Mapping[Place, float]) -> Blocks:
    """Return the differences by data set and protocol, (n_runs,) each."""
    by_block: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cell in sorted(one.keys() & other.keys()):
        by_block[cell[:2]].append(one[cell] - other[cell])
    return {block: np.array(values) for block, values in by_block.items()}


def _difference(method: str, blocks: Blocks, rng: np.random.Generator) -> Difference:
    data_sets = sorted({data for data, _ in blocks})
    # (resamples, ) by data set; the same draws make the overall interval
    drawn = {data: _resampled([v for (name, _), v in blocks.items() if name == data], rng) for data in data_sets}
    means = {data: float(np.mean([v.mean() for (name, _), v in blocks.items() if name == data])) for data in data_sets}
    by_data = {data: (means[data], *interval(drawn[data])) for data in data_sets}
    low, high = interval(np.mean(list(drawn.values()), axis=0))
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


def _with_holm(found: Sequence[Difference]) -> list[Difference]:
    adjusted = holm([difference.p_value for difference in found])
    return [replace(difference, adjusted=p) for difference, p in zip(found, adjusted, strict=True)]
