"""Best method per data set and protocol, and the methods that do not differ significantly from it."""

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
    """Return the best method and the methods that do not differ significantly from it, by (data set, protocol).

    A method does not differ significantly from the best if the 95% t interval of their differences, paired by seed and
    fold, contains zero. A bootstrap interval would be too narrow for a few pairs. With a single pair, the set of
    methods is empty.

    Parameters
    ----------
    records : sequence of Record
    score, over
        See `score_of`.

    Returns
    -------
    dict of (data set, protocol) to (best method, frozenset of methods)
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
    ties = [method for method in methods if method != best and _not_significant(methods[method], methods[best])]
    return best, frozenset(ties)


def _not_significant(one: Runs, other: Runs) -> bool:
    """Return True if the 95% t interval of the paired differences contains zero; False with fewer than two pairs."""
    differences = np.array([one[run] - other[run] for run in sorted(one.keys() & other.keys())])
    if len(differences) < 2:
        return False
    half_width = t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(abs(differences.mean()) <= half_width)
