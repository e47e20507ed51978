"""Aggregation of records: mean scores with intervals over runs and test samples, and mean ranks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.stats import rankdata

from redcore._types import AnyArray
from redcore.benchmark._intervals import MIN_RUNS, Basis, RunScore, mean_interval
from redcore.benchmark._result import Result
from redcore.benchmark._samples import Over
from redcore.metrics import is_lower_better

__all__ = [
    "HEADLINE_SCORES",
    "Entry",
    "Over",
    "by_tuning",
    "complete_blocks",
    "conflicts",
    "done",
    "few_runs",
    "mean_ranks",
    "named_score",
    "pattern_mean",
    "pattern_problems",
    "run_score",
    "score_names",
    "score_of",
    "sign_of",
    "summarise",
    "test_ratio",
    "tuning_warnings",
]

AnyResult = TypeVar("AnyResult", bound=Result)
NO_SCORES = ("n_samples",)

HEADLINE_SCORES = {None: "macro_f1", "proper": "nll", "argmax": "argmax_macro_f1"}
"""Scores of classification by the name of a score that depends on the kind of target.

The score of regression is R2 under all these names, and that of multi-label targets is macro-F1.
"""


@dataclass(frozen=True)
class Entry:
    """Mean score of one method on one data set with one protocol.

    Attributes
    ----------
    data, protocol, method : str
    n_seeds : int
        Number of runs (seeds times folds).
    mean, low, high : float
        Mean score over runs and its 95% interval; see `redcore.benchmark.mean_interval`. The bounds are NaN for a
        single run.
    nll : float or None
        Mean negative log-likelihood in nats, pooled over all missing patterns.
    fit_seconds : float
        Mean duration of the fit.
    score : str
        Name of the score.
    basis : {"splits", "samples", "runs", "none"}
        Sources of variance that the interval includes; see `redcore.benchmark.Basis`.
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
    score: str
    basis: Basis


def done(records: Iterable[AnyResult]) -> list[AnyResult]:
    """Return the records of finished cells."""
    return [record for record in records if record.status == "done"]


def by_tuning(records: Iterable[AnyResult]) -> dict[str, list[AnyResult]]:
    """Return the records with the settings of the benchmark, and those of tuned methods, by a title for their table.

    The only title is "" if no method is tuned.
    """
    groups: dict[str, list[AnyResult]] = defaultdict(list)
    for record in records:
        groups[f"tuned: {record.tuning_title}" if record.tuning_title else ""].append(record)
    if not any(groups.keys()):
        return dict(groups)
    return {title or "without tuning": groups[title] for title in sorted(groups)}


def named_score(record: Result, score: str | None = None) -> str:
    """Return the name of the score of this record that `score` stands for.

    Parameters
    ----------
    record : Result
    score : str, optional
        - "proper": log loss, R2 for regression, or the integrated Brier score for survival
        - "argmax": macro-F1 of the most probable classes, R2 for regression, or Uno's C for survival
        - None: macro-F1 of the predicted classes, R2 for regression, or Uno's C for survival
        - any other name: this score
    """
    if score not in HEADLINE_SCORES:
        assert score is not None
        return score
    names = {
        name
        for scores in (*record.metrics["per_pattern"].values(), record.metrics.get("pooled", {}))
        for name in scores
    }
    if "r2" in names:
        return "r2"
    if "uno_c" in names:
        return "ibs" if score == "proper" else "uno_c"
    return "macro_f1" if "exact_match" in names else HEADLINE_SCORES[score]


def sign_of(record: Result, score: str | None = None) -> float:
    """Return -1 if lower values of the score are better, else 1."""
    return -1.0 if is_lower_better(named_score(record, score)) else 1.0


def score_of(record: Result, score: str | None = None, over: Over | tuple[str, ...] = "patterns") -> float:
    """Return a score of a finished cell.

    Parameters
    ----------
    record : Result
    score : str, optional
        Name of the score, such as ``"uar"`` (UA), ``"accuracy"`` (WA), ``"weighted_f1"``, ``"ece"`` or ``"acc7"``, or
        one of the names in `named_score`. Default: macro-F1 of the predicted classes, or R2 for regression.
    over : {"patterns", "pooled", "as_observed"} or tuple of str
        - "patterns": mean of the scores under all missing patterns, with equal weights
        - "pooled": score of the predictions under all missing patterns together
        - "as_observed": score on the test split with the missing modalities of the protocol
        - names of missing patterns: mean of the scores under these patterns

    Returns
    -------
    float
        NaN if the record does not contain the score.
    """
    patterns = record.metrics["per_pattern"]
    if isinstance(over, tuple):
        sources = [patterns[name] for name in over if name in patterns]
    else:
        sources = list(patterns.values()) if over == "patterns" else [record.metrics[over]]
    name = named_score(record, score)
    values = [scores[name] for scores in sources if scores.get(name) is not None]
    return float(np.mean(values)) if values else float("nan")


def run_score(record: Result, score: str | None = None, over: Over | tuple[str, ...] = "patterns") -> RunScore:
    """Return a score of a finished cell with the influence of its test samples, if they were kept.

    See `score_of` for the parameters.
    """
    return RunScore(
        score_of(record, score, over),
        record.sample_influence(named_score(record, score), over),
        record.checksums.get("split", ""),
        test_ratio(record),
    )


def test_ratio(record: Result) -> float:
    """Return the number of test samples divided by the number of training and validation samples."""
    n_samples = record.n_samples
    n_test = n_samples.get("test", 0)
    return n_test / max(1, sum(n_samples.values()) - n_test)


def pattern_mean(record: Result) -> float:
    """Return the mean headline score (macro-F1, or R2 for regression) over missing patterns, with equal weights."""
    return score_of(record)


def score_names(records: Sequence[Result]) -> list[str]:
    """Return the names of all scores in the records, in order of first appearance."""
    names = {name: None for record in done(records) for name in record.metrics["pooled"]}
    return [name for name in names if name not in NO_SCORES]


def pattern_problems(records: Sequence[Result]) -> list[str]:
    """Return descriptions of the missing patterns that have no scores, or unreliable ones, by data set.

    A pattern is listed with the reason and the number of runs in which it occurs. In records of earlier versions, only
    patterns without any test sample are known.
    """
    # counted once per split, because all methods are scored on the same samples
    cases: dict[tuple[str, str, str], set[tuple[int, int]]] = defaultdict(set)
    runs: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for record in done(records):
        run = (record.seed, record.fold or 0)
        runs[record.data_title].add(run)
        unscored = {
            name: "no test sample observes all of its modalities"
            for name, scores in record.metrics.get("per_pattern", {}).items()
            if scores.get("n_samples") == 0
        }
        for pattern, reason in (unscored | record.metrics.get("problems", {})).items():
            cases[record.data_title, pattern, reason].add(run)
    return [
        f"{data}, {pattern}: {reason}"
        + (f" ({len(own)} of {len(runs[data])} runs)" if len(own) < len(runs[data]) else "")
        for (data, pattern, reason), own in sorted(cases.items())
    ]


def few_runs(entries: Sequence[Entry]) -> str | None:
    """Return a warning if some entries have fewer than five runs or intervals without test-sampling noise, or None."""
    few = sum(entry.n_seeds < MIN_RUNS for entry in entries)
    warnings = []
    if few:
        warnings.append(
            f"{few} of {len(entries)} rows have fewer than {MIN_RUNS} runs: their intervals depend on few values, "
            "and a single run has none"
        )
    fixed = sum(entry.basis == "runs" for entry in entries)
    if fixed:
        warnings.append(
            f"the intervals of {fixed} of {len(entries)} rows include the noise of the fits but not of the test "
            "samples, since all runs have the same test samples and the records have no predictions per sample"
        )
    return "; ".join(warnings) or None


def tuning_warnings(records: Iterable[Result]) -> list[str]:
    """Return a warning if the settings of tuned methods were selected on the training split of another run."""
    if not any(record.is_tuned_on_other_run for record in records):
        return []
    return [
        "the settings of the methods marked (tuned) were selected on the training split of the first run of each data "
        "set and protocol, which may contain test samples of the other runs"
    ]


def summarise(records: Sequence[Result], *, score: str | None = None, over: Over = "patterns") -> list[Entry]:
    """Return the mean score of every method per data set and protocol.

    Parameters
    ----------
    records : sequence of Result
        Failed cells are ignored.
    score, over
        See `score_of`.

    Returns
    -------
    list of Entry
        Sorted by data set and protocol, best method first.
    """
    cells: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for record in done(records):
        cells[record.data_title, record.protocol_title, record.method_title].append(record)
    entries = []
    for key, runs in cells.items():
        scored = [record for record in runs if not np.isnan(score_of(record, score, over))]
        if scored:
            entries.append(_entry(key, runs, scored, score, over))
    return sorted(entries, key=lambda entry: (entry.data, entry.protocol, -_direction(entry) * entry.mean))


def _entry(
    key: tuple[str, str, str], records: list[Result], scored: list[Result], score: str | None, over: Over
) -> Entry:
    interval = mean_interval([run_score(record, score, over) for record in scored])
    losses = [record.metrics["pooled"].get("nll") for record in records]
    return Entry(
        *key,
        n_seeds=interval.n_runs,
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        nll=None if any(loss is None for loss in losses) else float(np.mean(losses)),
        fit_seconds=float(np.mean([record.seconds["fit"] for record in records])),
        score=named_score(scored[0], score),
        basis=interval.basis,
    )


def _direction(entry: Entry) -> float:
    return -1.0 if is_lower_better(entry.score) else 1.0


def complete_blocks(blocks: Sequence[Mapping[str, float]]) -> tuple[list[str], list[list[float]]]:
    """Return the methods that are ranked, and their scores in each block that has all of them.

    Parameters
    ----------
    blocks : sequence of mapping of str to float
        Score by method in each block.

    Returns
    -------
    methods : list of str
        Sorted methods that have a score in at least half of the blocks.
    scores : list of list of float
        One row per complete block, in the order of `methods`.

    Examples
    --------
    >>> complete_blocks([{"a": 0.1, "b": 0.2}, {"a": 0.3}, {"a": 0.4}])
    (['a'], [[0.1], [0.3], [0.4]])
    """
    counts = Counter(method for scores in blocks for method in scores)
    methods = sorted(method for method, count in counts.items() if 2 * count >= len(blocks))
    return methods, [[scores[method] for method in methods] for scores in blocks if scores.keys() >= set(methods)]


def mean_ranks(entries: Sequence[Entry]) -> dict[str, float]:
    """Return the mean rank of each method over the data sets and protocols that all ranked methods have.

    Methods on fewer than half of the data sets and protocols are not ranked.

    Rank 1 is the best mean score; ties get their mean rank. The result is sorted by rank, and empty if no data set
    and protocol has all methods.
    """
    blocks: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for entry in entries:
        blocks[entry.data, entry.protocol][entry.method] = _direction(entry) * entry.mean
    methods, complete = complete_blocks(list(blocks.values()))
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
