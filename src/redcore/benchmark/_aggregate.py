"""From records to tables: means with intervals over seeds and folds, and mean ranks."""

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
    """One method on one data set under one protocol.

    Attributes
    ----------
    data, protocol, method : str
    n_seeds : int
        Runs: seeds times folds.
    mean, low, high : float
        Of the score over runs, with a 95% percentile-bootstrap interval (`mean` itself for a single run).
    nll : float or None
        Mean negative log-likelihood over all patterns, nats.
    fit_seconds : float
        Mean.
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
    """Return the finished ones."""
    return [record for record in records if record.status == "done"]


def score_of(record: Result, score: str | None = None, over: Over = "patterns") -> float:
    """Return a score of a finished record.

    Parameters
    ----------
    record : Result
    score : str, optional
        Such as ``"uar"`` (UA), ``"accuracy"`` (WA), ``"weighted_f1"``, ``"ece"``, ``"acc7"``. Default: the headline,
        macro-F1 or R2.
    over : {"patterns", "pooled", "as_observed"}
        The mean over missing patterns, each with the same weight; over all patterns' predictions together; or on the
        test part as the protocol leaves it.

    Returns
    -------
    float
        NaN where the record has no such score.
    """
    found = record.metrics["per_pattern"].values() if over == "patterns" else [record.metrics[over]]
    for name in HEADLINES if score is None else (score,):
        values = [scores[name] for scores in found if scores.get(name) is not None]
        if values:
            return float(np.mean(values))
    return float("nan")


def pattern_mean(record: Result) -> float:
    """Return the headline score (macro-F1, or R2) averaged over missing patterns, each with the same weight."""
    return score_of(record)


def score_names(records: Sequence[Result]) -> list[str]:
    """Return the names of all scores that the records have, in the order in which they appear."""
    names = {name: None for record in done(records) for name in record.metrics["pooled"]}
    return [name for name in names if name not in NO_SCORES]


def summarise(
    records: Sequence[Result], seed: int = 0, *, score: str | None = None, over: Over = "patterns"
) -> list[Entry]:
    """Summarise the finished records, sorted by data set, protocol and falling mean; see `score_of` for the score."""
    cells: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for record in done(records):
        cells[record.data_title, record.protocol_title, record.method_title].append(record)
    entries = []
    for key, found in cells.items():
        values = np.array([score_of(record, score, over) for record in found])
        if not np.isnan(values).all():
            entries.append(_entry(*key, found, values[~np.isnan(values)], np.random.default_rng(seed)))
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
    """Return the rank of each method by mean score, averaged over the data sets and protocols that all methods have.

    1 is best; ties share their ranks. Empty if there is nothing that all methods have.
    """
    methods = sorted({entry.method for entry in entries})
    places: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for entry in entries:
        places[entry.data, entry.protocol][entry.method] = entry.mean
    complete = [[scores[method] for method in methods] for scores in places.values() if len(scores) == len(methods)]
    if not complete:
        return {}
    ranks: AnyArray = np.mean([rankdata(-np.array(scores)) for scores in complete], axis=0)
    return dict(sorted(zip(methods, ranks.tolist(), strict=True), key=lambda pair: pair[1]))


def conflicts(records: Sequence[Result]) -> list[str]:
    """Return the places (data set, protocol, seed, fold) in which methods did not see the same data, split and masks.

    There are none unless records of different data files, or of different versions of the masks, were mixed.
    """
    seen: dict[tuple[str, str, int, int], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in done(records):
        found = seen[record.data_title, record.protocol_title, record.seed, record.fold or 0]
        for what, checksum in record.checksums.items():
            # records of version 1 do not know all of them
            if checksum:
                found[what].add(checksum)
    return [
        f"{data}, {protocol}, seed {seed}" + (f", fold {fold}" if fold else "")
        for (data, protocol, seed, fold), found in seen.items()
        if any(len(checksums) > 1 for checksums in found.values())
    ]
