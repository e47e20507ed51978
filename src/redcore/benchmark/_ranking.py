"""Methods ranked over data sets and protocols, with tests of whether they differ."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from redcore._statistics import holm
from redcore._types import AnyArray
from redcore.benchmark._aggregate import Over, done, score_of
from redcore.benchmark._record import Record
from redcore.benchmark._statistics import Friedman, friedman, rank_groups, signed_rank
from redcore.metrics import is_lower_better

__all__ = ["Pair", "Ranking", "pairwise", "rank_methods"]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks over blocks: data sets and protocols that all methods have, means over seeds and folds.

    Attributes
    ----------
    methods : tuple of str
        Best first.
    mean_ranks : tuple of float
    test : Friedman
        In the order of `methods`.
    groups : list of tuple of str
        Methods that the Nemenyi test does not tell apart: the bars of a critical-difference diagram.
    """

    methods: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    test: Friedman
    groups: list[tuple[str, ...]]


@dataclass(frozen=True)
class Pair:
    """Two methods compared on the blocks that both have.

    Attributes
    ----------
    method, other : str
    n_blocks : int
    difference : float
        Mean of `method` minus `other` over blocks; its sign is turned for scores that are better when lower.
    p_value, adjusted : float or None
        Wilcoxon's signed-rank test over blocks, and after Holm's correction over all pairs; None with fewer than six.
    """

    method: str
    other: str
    n_blocks: int
    difference: float
    p_value: float | None
    adjusted: float | None


def rank_methods(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> Ranking | None:
    """Rank all methods; None if there is no block that all of them have.

    Higher scores are better; for others (``nll``, ``ece``, ``mae``) the sign is turned.
    """
    blocks = _blocks(records, score, over)
    methods = sorted({method for scores in blocks.values() for method in scores})
    complete = [[scores[method] for method in methods] for scores in blocks.values() if len(scores) == len(methods)]
    if not complete or not methods:
        return None
    table: AnyArray = np.array(complete)
    first = friedman(table)
    order = np.argsort(first.mean_ranks, kind="stable").tolist()
    test = friedman(table[:, order])
    names = tuple(methods[place] for place in order)
    groups = rank_groups(test.mean_ranks, test.critical_difference)
    return Ranking(names, test.mean_ranks, test, [tuple(names[place] for place in group) for group in groups])


def pairwise(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> list[Pair]:
    """Compare every two methods, in the order of their names."""
    blocks = _blocks(records, score, over)
    methods = sorted({method for scores in blocks.values() for method in scores})
    found = []
    for one, other in combinations(methods, 2):
        differences = [scores[one] - scores[other] for scores in blocks.values() if one in scores and other in scores]
        if differences:
            found.append((one, other, differences))
    p_values = [signed_rank(differences) for _, _, differences in found]
    return [
        Pair(one, other, len(differences), float(np.mean(differences)), p_value, adjusted)
        for (one, other, differences), p_value, adjusted in zip(found, p_values, holm(p_values), strict=True)
    ]


def _blocks(records: Sequence[Record], score: str | None, over: Over) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mean score by (data set, protocol) and method."""
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    sign = -1.0 if is_lower_better(score) else 1.0
    for record in done(records):
        value = sign * score_of(record, score, over)
        if not np.isnan(value):
            values[record.data_title, record.protocol_title][record.method_title].append(value)
    return {
        block: {method: float(np.mean(found)) for method, found in methods.items()} for block, methods in values.items()
    }
