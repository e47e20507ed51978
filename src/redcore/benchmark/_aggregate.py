"""From records to tables: means with intervals over seeds, and mean ranks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from redcore._types import AnyArray
from redcore.benchmark._record import Record

__all__ = ["RESAMPLES", "Entry", "interval", "mean_ranks", "pattern_mean", "summarise"]

RESAMPLES = 2000
HEADLINES = ("macro_f1", "r2")


@dataclass(frozen=True)
class Entry:
    """One method on one data set under one protocol.

    Attributes
    ----------
    data, protocol, method : str
    n_seeds : int
    mean, low, high : float
        Of `pattern_mean` over seeds, with a 95% percentile-bootstrap interval (`mean` itself for a single seed).
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


def pattern_mean(record: Record) -> float:
    """Return the headline score (macro-F1, or R2) averaged over missing patterns, each with the same weight."""
    patterns = record.metrics["per_pattern"].values()
    for name in HEADLINES:
        found = [scores[name] for scores in patterns if scores.get(name) is not None]
        if found:
            return float(np.mean(found))
    return float("nan")


def summarise(records: Sequence[Record], seed: int = 0) -> list[Entry]:
    """Summarise the finished records, sorted by data set, protocol and falling mean."""
    cells: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "done":
            cell = record.cell
            cells[cell.data.title(), cell.protocol.title(), cell.method.title()].append(record)
    entries = [_entry(*key, found, np.random.default_rng(seed)) for key, found in cells.items()]
    return sorted(entries, key=lambda entry: (entry.data, entry.protocol, -entry.mean))


def _entry(data: str, protocol: str, method: str, records: list[Record], rng: np.random.Generator) -> Entry:
    values = np.array([pattern_mean(record) for record in records])
    resampled = rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    low, high = interval(resampled)
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


def interval(resampled: AnyArray) -> tuple[float, float]:
    """Return the 95% percentile-bootstrap interval of resampled values."""
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)


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
