"""Ranking of methods over data sets and protocols, with tests of the differences."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from redcore._statistics import holm
from redcore._types import AnyArray
from redcore.benchmark._aggregate import Over, complete_blocks, done, score_of, sign_of
from redcore.benchmark._result import Result
from redcore.benchmark._statistics import Friedman, friedman, rank_groups, signed_rank

__all__ = ["Pair", "Ranking", "pairwise", "rank_methods"]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of methods over blocks, that is, data sets and protocols that all ranked methods have.

    Attributes
    ----------
    methods : tuple of str
        Sorted by mean rank, best first.
    mean_ranks : tuple of float
        Ranks of the mean scores over seeds and folds, averaged over blocks.
    test : Friedman
        Friedman's test, with methods in the order of `methods`.
    groups : list of tuple of str
        Groups of methods without a significant difference by Nemenyi's test: the bars of a critical-difference diagram.
    """

    methods: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    test: Friedman
    groups: list[tuple[str, ...]]


@dataclass(frozen=True)
class Pair:
    """Comparison of two methods on the blocks that both have.

    Attributes
    ----------
    method, other : str
    n_blocks : int
    difference : float
        Mean score of `method` minus `other` over blocks. The sign is reversed for scores for which lower is better.
    p_value, adjusted : float or None
        P-value of Wilcoxon's signed-rank test over blocks, without and with Holm's correction for the number of pairs.
        None with fewer than six blocks.
    """

    method: str
    other: str
    n_blocks: int
    difference: float
    p_value: float | None
    adjusted: float | None


def rank_methods(records: Sequence[Result], *, score: str | None = None, over: Over = "patterns") -> Ranking | None:
    """Rank methods over the blocks that all of them have; return None if there is no such block.

    Methods on fewer than half of the blocks are not ranked, so that a method for one data set does not reduce the
    ranking to this data set. For scores such as ``nll``, ``ece`` and ``mae``, the lowest value has rank 1. See
    `score_of` for `score` and `over`.
    """
    blocks = _blocks(records, score, over)
    methods, complete = complete_blocks(list(blocks.values()))
    if not complete or not methods:
        return None
    table: AnyArray = np.array(complete)
    first = friedman(table)
    order = np.argsort(first.mean_ranks, kind="stable").tolist()
    test = friedman(table[:, order])
    names = tuple(methods[index] for index in order)
    groups = rank_groups(test.mean_ranks, test.critical_difference)
    return Ranking(names, test.mean_ranks, test, [tuple(names[index] for index in group) for group in groups])


def pairwise(records: Sequence[Result], *, score: str | None = None, over: Over = "patterns") -> list[Pair]:
    """Compare all pairs of methods, in alphabetical order."""
    blocks = _blocks(records, score, over)
    methods = sorted({method for scores in blocks.values() for method in scores})
    pairs = []
    for one, other in combinations(methods, 2):
        differences = [scores[one] - scores[other] for scores in blocks.values() if one in scores and other in scores]
        if differences:
            pairs.append((one, other, differences))
    p_values = [signed_rank(differences) for _, _, differences in pairs]
    return [
        Pair(one, other, len(differences), float(np.mean(differences)), p_value, adjusted)
        for (one, other, differences), p_value, adjusted in zip(pairs, p_values, holm(p_values), strict=True)
    ]


def _blocks(records: Sequence[Result], score: str | None, over: Over) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mean score over seeds and folds by (data set, protocol) and method, higher is better."""
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in done(records):
        value = sign_of(record, score) * score_of(record, score, over)
        if not np.isnan(value):
            values[record.data_title, record.protocol_title][record.method_title].append(value)
    return {
        block: {method: float(np.mean(runs)) for method, runs in methods.items()} for block, methods in values.items()
    }
