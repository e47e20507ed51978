"""Best method per data set and protocol, and the methods that do not differ significantly from it."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from redcore.benchmark._aggregate import Over, done, run_score, sign_of
from redcore.benchmark._compare import Run, paired_interval
from redcore.benchmark._intervals import RunScore, combine
from redcore.benchmark._record import Record

__all__ = ["best_methods"]

Block = tuple[str, str]


def best_methods(
    records: Sequence[Record], *, score: str | None = None, over: Over = "patterns"
) -> dict[Block, tuple[str, frozenset[str]]]:
    """Return the best method and the methods that do not differ significantly from it, by (data set, protocol).

    A method does not differ significantly from the best if the 95% interval of their differences (see `mean_interval`),
    paired by seed and fold, contains zero. With a single pair, the set of methods is empty.

    Parameters
    ----------
    records : sequence of Record
    score, over
        See `score_of`.

    Returns
    -------
    dict of (data set, protocol) to (best method, frozenset of methods)
    """
    runs: dict[Block, dict[str, dict[Run, RunScore]]] = defaultdict(lambda: defaultdict(dict))
    for record in done(records):
        value = combine([run_score(record, score, over)], [sign_of(record, score)])
        if not np.isnan(value.value):
            runs[record.data_title, record.protocol_title][record.method_title][record.seed, record.fold or 0] = value
    return {block: _best(methods) for block, methods in runs.items()}


def _best(methods: dict[str, dict[Run, RunScore]]) -> tuple[str, frozenset[str]]:
    def rank(method: str) -> tuple[float, str]:
        return float(np.mean([run.value for run in methods[method].values()])), method

    best = max(methods, key=rank)
    ties = [method for method in methods if method != best and _not_significant(methods[method], methods[best])]
    return best, frozenset(ties)


def _not_significant(one: dict[Run, RunScore], other: dict[Run, RunScore]) -> bool:
    """Return True if the 95% interval of the paired differences contains zero; False with fewer than two pairs."""
    interval = paired_interval(one, other)
    return interval is not None and interval.low <= 0 <= interval.high
