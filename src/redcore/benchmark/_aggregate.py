"""Aggregation of records: mean scores with intervals over seeds and folds, and mean ranks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from scipy.stats import rankdata

from redcore._types import AnyArray
from redcore.benchmark._result import Result
from redcore.benchmark._statistics import bootstrap_interval
from redcore.metrics import HEADLINES

__all__ = [
    "Entry",
    "Over",
    "conflicts",
    "done",
    "mean_ranks",
    "pattern_mean",
    "score_names",
    "score_of",
    "summarise",
]

AnyResult = TypeVar("AnyResult", bound=Result)
Over = Literal["patterns", "pooled", "as_observed"]
NO_SCORES = ("n_samples",)


@dataclass(frozen=True)
class Entry:
    """Mean score of one method on one data set with one protocol.

    Attributes
    ----------
    data, protocol, method : str
    n_seeds : int
        Number of runs (seeds times folds).
    mean, low, high : float
        Mean score over runs and its 95% percentile-bootstrap interval. For a single run, both bounds equal the mean.
    nll : float or None
        Mean negative log-likelihood in nats, pooled over all missing patterns.
    fit_seconds : float
        Mean duration of the fit.
    """

    data: str
    protocol: str
    method: str
    n_seeds: int
    mean: float
    low: float
    high: float
    nll: float | None
    fit_seconds: float


def done(records: Iterable[AnyResult]) -> list[AnyResult]:
    """Return the records of finished cells."""
    return [record for record in records if record.status == "done"]


def score_of(record: Result, score: str | None = None, over: Over = "patterns") -> float:
    """Return a score of a finished cell.

    Parameters
    ----------
    record : Result
    score : str, optional
        Name of the score, such as ``"uar"`` (UA), ``"accuracy"`` (WA), ``"weighted_f1"``, ``"ece"`` or ``"acc7"``.
        Default: the headline score, which is macro-F1, or R2 for regression.
    over : {"patterns", "pooled", "as_observed"}
        - "patterns": mean of the scores under all missing patterns, with equal weights
        - "pooled": score of the predictions under all missing patterns together
        - "as_observed": score on the test split with the missing modalities of the protocol

    Returns
    -------
    float
        NaN if the record does not contain the score.
    """
    sources = record.metrics["per_pattern"].values() if over == "patterns" else [record.metrics[over]]
    for name in HEADLINES if score is None else (score,):
        values = [scores[name] for scores in sources if scores.get(name) is not None]
        if values:
            return float(np.mean(values))
    return float("nan")


def pattern_mean(record: Result) -> float:
    """Return the mean headline score (macro-F1, or R2 for regression) over missing patterns, with equal weights."""
    return score_of(record)


def score_names(records: Sequence[Result]) -> list[str]:
    """Return the names of all scores in the records, in order of first appearance."""
    names = {name: None for record in done(records) for name in record.metrics["pooled"]}
    return [name for name in names if name not in NO_SCORES]


def summarise(
    records: Sequence[Result], seed: int = 0, *, score: str | None = None, over: Over = "patterns"
) -> list[Entry]:
    """Return the mean score of every method per data set and protocol.

    Parameters
    ----------
    records : sequence of Result
        Failed cells are ignored.
    seed : int
        Random seed of the bootstrap.
    score, over
        See `score_of`.

    Returns
    -------
    list of Entry
        Sorted by data set, protocol and descending mean.
    """
    cells: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for record in done(records):
        cells[record.data_title, record.protocol_title, record.method_title].append(record)
    entries = []
    for key, runs in cells.items():
        values = np.array([score_of(record, score, over) for record in runs])
        if not np.isnan(values).all():
            entries.append(_entry(*key, runs, values[~np.isnan(values)], np.random.default_rng(seed)))
    return sorted(entries, key=lambda entry: (entry.data, entry.protocol, -entry.mean))


def _entry(
    data: str, protocol: str, method: str, records: list[Result], values: AnyArray, rng: np.random.Generator
) -> Entry:
    low, high = bootstrap_interval(values, rng)
    losses = [record.metrics["pooled"].get("nll") for record in records]
    return Entry(
        data,
        protocol,
        method,
        len(values),
        float(values.mean()),
        low,
        high,
        None if any(loss is None for loss in losses) else float(np.mean(losses)),
        float(np.mean([record.seconds["fit"] for record in records])),
    )


def mean_ranks(entries: Sequence[Entry]) -> dict[str, float]:
    """Return the mean rank of each method over the data sets and protocols that all methods have.

    Rank 1 is the highest mean score; ties get their mean rank. The result is sorted by rank, and empty if no data set
    and protocol has all methods.
    """
    methods = sorted({entry.method for entry in entries})
    blocks: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for entry in entries:
        blocks[entry.data, entry.protocol][entry.method] = entry.mean
    complete = [[scores[method] for method in methods] for scores in blocks.values() if len(scores) == len(methods)]
    if not complete:
        return {}
    ranks: AnyArray = np.mean([rankdata(-np.array(scores)) for scores in complete], axis=0)
    return dict(sorted(zip(methods, ranks.tolist(), strict=True), key=lambda pair: pair[1]))


def conflicts(records: Sequence[Result]) -> list[str]:
    """Return descriptions of all cases in which the data, splits or masks differ between methods.

    A case is a combination of data set, protocol, seed and fold. Conflicts occur only if records of different data
    files, or of versions with different masks, are mixed.
    """
    cases: dict[tuple[str, str, int, int], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in done(records):
        case = cases[record.data_title, record.protocol_title, record.seed, record.fold or 0]
        for content, checksum in record.checksums.items():
            # a checksum may be unknown
            if checksum:
                case[content].add(checksum)
    return [
        f"{data}, {protocol}, seed {seed}" + (f", fold {fold}" if fold else "")
        for (data, protocol, seed, fold), case in cases.items()
        if any(len(checksums) > 1 for checksums in case.values())
    ]
