"""The best method of every data set and protocol, and those that the seeds do not tell apart from it."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from redcore.benchmark._aggregate import Over, done, score_of
from redcore.benchmark._record import Record
from redcore.metrics import is_lower_better

__all__ = ["best_methods"]

Block = tuple[str, str]
Runs = dict[tuple[int, int], float]


def best_methods(
    records: Sequence[Record], *, score: str | None = None, over: Over = "patterns"
) -> dict[Block, tuple[str, frozenset[str]]]:
    """Return for every data set and protocol the best method by mean, and the methods that are not told apart from it.

    A method is not told apart if the 95% t interval of its differences to the best, paired by seed and fold, holds
    zero. The bootstrap is too narrow for a few pairs; with a single pair nothing can be said, and no method is named.

    Parameters
    ----------
    records : sequence of Record
    score, over
        See `score_of`.
    """
    runs: dict[Block, dict[str, Runs]] = defaultdict(lambda: defaultdict(dict))
    for record in done(records):
        value = score_of(record, score, over)
        if not np.isnan(value):
            runs[record.data_title, record.protocol_title][record.method_title][record.seed, record.fold or 0] = value
    sign = -1.0 if is_lower_better(score) else 1.0
    return {block: _best(methods, sign) for block, methods in runs.items()}


def _best(methods: dict[str, Runs], sign: float) -> tuple[str, frozenset[str]]:
    best = max(methods, key=lambda method: (sign * np.mean(list(methods[method].values())), method))
    near = [method for method in methods if method != best and _could_be_equal(methods[method], methods[best])]
    return best, frozenset(near)


def _could_be_equal(one: Runs, other: Runs) -> bool:
    differences = np.array([one[run] - other[run] for run in sorted(one.keys() & other.keys())])
    if len(differences) < 2:
        return False
    reach = t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(abs(differences.mean()) <= reach)
