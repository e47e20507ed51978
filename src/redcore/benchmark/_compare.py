"""Paired comparison of methods on the same data, protocols and seeds, and hence the same splits and masks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redcore._statistics import holm
from redcore._validation import check_known
from redcore.benchmark._aggregate import Over, done, run_score, sign_of
from redcore.benchmark._intervals import Interval, RunScore, average, combine, mean_interval
from redcore.benchmark._record import Record
from redcore.benchmark._result import Result
from redcore.benchmark._statistics import BayesianTest, bayesian_signed_rank, signed_rank

__all__ = ["Difference", "compare", "leads", "overall_intervals", "paired_interval"]


@dataclass(frozen=True)
class Difference:
    """Score difference between a method and the reference method, on the cells that both have.

    Positive differences are in favour of the method: the sign is reversed for scores for which lower is better.

    Attributes
    ----------
    method : str
    by_data : dict of str to Interval
        Mean difference per data set over protocols and runs, with its 95% interval; see `mean_interval`. The
        differences of all protocols with the same seed and fold are averaged first, because they share test samples.
    overall : Interval
        Mean difference over all data sets with equal weights. The interval is for these data sets, not for others.
    wins, losses : int
        Number of blocks (data sets and protocols) in which the mean score over runs is better, and worse.
    p_value, adjusted : float or None
        P-value of Wilcoxon's signed-rank test over data sets, without and with Holm's correction for the number of
        methods. None with fewer than six data sets, when no result can be significant.
    bayes : BayesianTest
        Bayesian signed-rank test over data sets; see `bayesian_signed_rank`.
    """

    method: str
    by_data: dict[str, Interval]
    overall: Interval
    wins: int
    losses: int
    p_value: float | None
    adjusted: float | None
    bayes: BayesianTest


Run = tuple[int, int]
"""Seed and fold."""

Scores = Mapping[tuple[str, str], Mapping[Run, RunScore]]
"""Scores of one method by (data set, protocol) and run."""


def compare(
    records: Sequence[Record], base: str, *, score: str | None = None, over: Over = "patterns", rope: float = 0.01
) -> list[Difference]:
    """Compare every method with a reference method.

    Parameters
    ----------
    records : sequence of Record
    base : str
        Title of the reference method.
    score, over
        See `score_of`.
    rope : float, default 0.01
        Half the width of the region of practical equivalence of the Bayesian test, in units of the score.

    Returns
    -------
    list of Difference
        Sorted by descending mean difference.

    Raises
    ------
    UnknownNameError
        If `base` has no finished records with this score.
    """
    scores = _by_method(records, score, over)
    check_known("method", [base], scores)
    differences = [
        _difference(method, blocks, rope)
        for method in scores
        if method != base and (blocks := _paired(scores[method], scores[base]))
    ]
    return sorted(_with_holm(differences), key=lambda difference: -difference.overall.mean)


def leads(
    records: Sequence[Result], focus: str, *, score: str | None = None, over: Over | tuple[str, ...] = "patterns"
) -> dict[str, Interval]:
    """Return the mean lead of one method over every other method, over all data sets with equal weights.

    A positive lead is in favour of `focus`, for every score. Leads have the size of the differences of `compare` with
    `focus` as the reference method, and the opposite sign.

    Parameters
    ----------
    records : sequence of Result
    focus : str
        Title of the method in focus.
    score, over
        See `score_of`.

    Returns
    -------
    dict of str to Interval
        By title of the other method, smallest lead first. Methods without a common cell are missing.
    """
    scores = _by_method(records, score, over)
    intervals = {
        method: average(list(_by_data(blocks).values()))
        for method in scores
        if method != focus and (blocks := _paired(scores.get(focus, {}), scores[method]))
    }
    return dict(sorted(intervals.items(), key=lambda item: item[1].mean))


def overall_intervals(
    records: Sequence[Result], *, score: str | None = None, over: Over | tuple[str, ...] = "patterns"
) -> dict[str, Interval]:
    """Return the mean score of each method over all its data sets, with equal weights, and its 95% interval.

    As in `compare`, the interval is for these data sets, and protocols with the same seed share test samples.
    """
    intervals = {}
    for method, blocks in _by_method(records, score, over, signed=False).items():
        intervals[method] = average(list(_by_data(blocks).values()))
    return intervals


def _by_method(
    records: Sequence[Result], score: str | None, over: Over | tuple[str, ...], signed: bool = True
) -> dict[str, dict[tuple[str, str], dict[Run, RunScore]]]:
    """Return all scores by method, block and run; if `signed`, higher is better for all scores."""
    scores: dict[str, dict[tuple[str, str], dict[Run, RunScore]]] = defaultdict(lambda: defaultdict(dict))
    for record in done(records):
        value = run_score(record, score, over)
        if not np.isnan(value.value):
            block = (record.data_title, record.protocol_title)
            sign = sign_of(record, score) if signed else 1.0
            scores[record.method_title][block][record.seed, record.fold or 0] = combine([value], [sign])
    return scores


def _by_data(blocks: Mapping[tuple[str, str], Mapping[Run, RunScore]]) -> dict[str, Interval]:
    """Return the interval of the mean over protocols and runs by data set."""
    data_sets = sorted({data for data, _ in blocks})
    return {data: _over_protocols([runs for (name, _), runs in blocks.items() if name == data]) for data in data_sets}


def _paired(one: Scores, other: Scores) -> dict[tuple[str, str], dict[Run, RunScore]]:
    """Return the differences of the runs that both have, by (data set, protocol) and run."""
    blocks = {}
    for block in sorted(one.keys() & other.keys()):
        runs = sorted(one[block].keys() & other[block].keys())
        if runs:
            blocks[block] = {run: combine([one[block][run], other[block][run]], [1.0, -1.0]) for run in runs}
    return blocks


def paired_interval(one: Mapping[Run, RunScore], other: Mapping[Run, RunScore]) -> Interval | None:
    """Return the interval of the mean difference over the runs that both have; None without such a run."""
    blocks = _paired({("", ""): one}, {("", ""): other})
    return mean_interval(list(blocks["", ""].values())) if blocks else None


def _difference(method: str, blocks: Mapping[tuple[str, str], Mapping[Run, RunScore]], rope: float) -> Difference:
    by_data = _by_data(blocks)
    block_means = np.array([np.mean([run.value for run in runs.values()]) for runs in blocks.values()])
    data_means = [interval.mean for interval in by_data.values()]
    return Difference(
        method,
        by_data,
        average(list(by_data.values())),
        wins=int((block_means > 0).sum()),
        losses=int((block_means < 0).sum()),
        p_value=signed_rank(data_means),
        adjusted=None,
        bayes=bayesian_signed_rank(data_means, rope),
    )


def _over_protocols(blocks: Sequence[Mapping[Run, RunScore]]) -> Interval:
    """Return the interval of the mean over protocols, whose runs with the same seed and fold share test samples."""
    means = [float(np.mean([run.value for run in runs.values()])) for runs in blocks]
    mean = float(np.mean(means))
    runs = []
    for run in sorted({run for block in blocks for run in block}):
        having = [(block[run], own) for block, own in zip(blocks, means, strict=True) if run in block]
        combined = combine([score for score, _ in having], [1 / len(having)] * len(having))
        # deviations from the mean of the block, because a run may be missing under some protocols
        deviation = float(np.mean([score.value - own for score, own in having]))
        runs.append(replace(combined, value=mean + deviation))
    return replace(mean_interval(runs), mean=mean)


def _with_holm(differences: Sequence[Difference]) -> list[Difference]:
    adjusted = holm([difference.p_value for difference in differences])
    return [replace(difference, adjusted=p) for difference, p in zip(differences, adjusted, strict=True)]
