"""Scores under missing patterns by the number of training samples that have the pattern, from benchmark records.

    $ python benchmarks/novel_patterns.py docs/results/accuracy.jsonl.gz --data houses wesad

Records score all missing patterns of the test split, and count the patterns of the training and validation samples. A
pattern is *novel* in a run if none of these samples has it.

The first table has the difference between the first method and each other one, positive if the first is better, on
patterns with 0, 1 to 4, and 5 or more samples: mean over the patterns of a group, then over the protocols of a seed,
with a 95% interval over seeds.

The second table compares the same pattern and protocol between runs in which it is novel and runs in which it is not:
score minus the mean score of the run over all patterns, novel minus other, with a 95% t interval over patterns.

Points are 100 times the macro-F1 of argmax, or 100 R2 for regression. Nats are those of the log loss; for regression
the unit is the variance of the target.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from redcore.benchmark import Interval, Record, RunScore, mean_interval, read_records

METHODS = ("redcore, stacked", "zero_fill, stacked", "stack", "redcore", "zero_fill", "late_fusion", "indicator_linear")
GROUPS = ("0", "1 to 4", "5 or more")

Run = dict[str, Record]
"""Records of one run by method."""


def group_of(n_samples: int) -> str:
    """Return the group of a pattern that this number of training and validation samples has."""
    return GROUPS[0] if n_samples == 0 else GROUPS[1] if n_samples < 5 else GROUPS[2]


def training_patterns(record: Record) -> Counter[str]:
    """Return the number of training and validation samples of each missing pattern in the run of a record."""
    if not record.pattern_counts.get("train"):
        raise SystemExit(f"{record.key}: has no counts of training patterns")
    counts: Counter[str] = Counter()
    for part, numbers in record.pattern_counts.items():
        if part != "test":
            counts.update(numbers)
    return counts


def scores_of(record: Record) -> dict[str, np.ndarray]:
    """Return points and nats, (2,), of each missing pattern; larger is better for both."""
    table = {}
    for name, scores in record.metrics["per_pattern"].items():
        r2, f1, loss = (scores.get(key) for key in ("r2", "argmax_macro_f1", "nll"))
        pair = [100 * r2, r2 - 1] if r2 is not None else [100 * f1, -loss] if None not in (f1, loss) else None
        if pair is None:
            raise SystemExit(f"{record.key}: pattern {name!r} has neither R2 nor macro-F1 of argmax and log loss")
        table[name] = np.array(pair)
    return table


def complete_runs(records: Iterable[Record], methods: Sequence[str], data: Sequence[str]) -> list[Run]:
    """Return the runs on these data sets (all: none named) that have a finished record of every method."""
    runs: dict[tuple[object, ...], Run] = defaultdict(dict)
    for record in records:
        if record.status == "done" and record.method_title in methods and (not data or record.data_title in data):
            runs[record.data_title, record.protocol_title, record.seed, record.fold][record.method_title] = record
    return [run for run in runs.values() if len(run) == len(methods)]


def leads(
    runs: Sequence[tuple[Run, Counter[str]]], methods: Sequence[str], group: str
) -> dict[str, tuple[Interval, Interval]]:
    """Return points and nats of the first method minus each other one on the patterns of a group."""
    first, *others = methods
    by_seed: dict[int, list[np.ndarray]] = defaultdict(list)
    reference: dict[int, Record] = {}
    for run, counts in runs:
        tables = {method: scores_of(record) for method, record in run.items()}
        names = [name for name in tables[first] if group_of(counts[name]) == group]
        if names:
            means = {method: np.mean([table[name] for name in names], axis=0) for method, table in tables.items()}
            by_seed[run[first].seed].append(np.array([means[first] - means[method] for method in others]))
            reference[run[first].seed] = run[first]
    if not by_seed:
        return {}
    values = np.array([np.mean(differences, axis=0) for differences in by_seed.values()])
    runs_of_seeds = [reference[seed] for seed in by_seed]
    return {
        method: (_interval(values[:, place, 0], runs_of_seeds), _interval(values[:, place, 1], runs_of_seeds))
        for place, method in enumerate(others)
    }


def _interval(values: np.ndarray, records: Sequence[Record]) -> Interval:
    return mean_interval(
        [
            RunScore(
                float(value),
                split=record.split_checksum,
                test_ratio=record.n_samples["test"] / sum(n for part, n in record.n_samples.items() if part != "test"),
            )
            for value, record in zip(values, records, strict=True)
        ]
    )


def costs_of_novelty(runs: Sequence[tuple[Run, Counter[str]]], method: str) -> np.ndarray:
    """Return points and nats, (n, 2): mean of the runs in which a pattern is novel minus mean of the others.

    The result has one row for each protocol and pattern that is novel in some runs and not in others. The mean of a run
    over all patterns is subtracted first, since runs have different test samples.
    """
    cells: dict[tuple[str, str, bool], list[np.ndarray]] = defaultdict(list)
    for run, counts in runs:
        table = scores_of(run[method])
        mean = np.mean(list(table.values()), axis=0)
        for name, scores in table.items():
            cells[run[method].protocol_title, name, counts[name] == 0].append(scores - mean)
    both = [key[:2] for key in cells if key[2] and (*key[:2], False) in cells]
    rows = [np.mean(cells[*key, True], axis=0) - np.mean(cells[*key, False], axis=0) for key in both]
    return np.array(rows).reshape(-1, 2)


def print_tables(runs: Sequence[tuple[Run, Counter[str]]], methods: Sequence[str]) -> None:
    """Print both tables of the module docstring."""
    by_data: dict[str, list[tuple[Run, Counter[str]]]] = defaultdict(list)
    for run, counts in runs:
        by_data[run[methods[0]].data_title].append((run, counts))
    print(f"| data | samples of a pattern | patterns per run | {methods[0]} minus | points | nats |")
    print("|---" * 6 + "|")
    for data, block in sorted(by_data.items()):
        for group in GROUPS:
            sizes = [
                sum(group_of(counts[name]) == group for name in scores_of(run[methods[0]])) for run, counts in block
            ]
            for method, (points, nats) in leads(block, methods, group).items():
                cells = (data, group, f"{np.mean(sizes):.1f}", method, _text(points, 1), _text(nats, 3))
                print(f"| {' | '.join(cells)} |")
    print("\n| data | method | patterns | points: novel minus other | nats |")
    print("|---" * 5 + "|")
    for data, block in sorted(by_data.items()):
        for method in methods:
            rows = costs_of_novelty(block, method)
            if len(rows):
                points, nats = (mean_interval([RunScore(float(value)) for value in column]) for column in rows.T)
                print(f"| {data} | {method} | {len(rows)} | {_text(points, 1)} | {_text(nats, 3)} |")


def _text(interval: Interval, digits: int) -> str:
    mean, low, high = (f"{value:+.{digits}f}" for value in (interval.mean, interval.low, interval.high))
    return mean if interval.n_runs < 2 else f"{mean} ({low} to {high})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="benchmark folder, or packed records")
    parser.add_argument("--data", nargs="+", default=(), help="data sets (default: all)")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="methods; the first is compared with the others")
    options = parser.parse_args(arguments)
    if len(set(options.methods)) < max(2, len(options.methods)):
        parser.error(f"--methods: expected at least two different methods, got {' '.join(options.methods)}")
    runs = complete_runs(read_records(options.records), options.methods, options.data)
    if not runs:
        raise SystemExit(f"{options.records}: no run has finished records of all methods: {', '.join(options.methods)}")
    first = options.methods[0]
    print_tables([(run, training_patterns(run[first])) for run in runs], options.methods)
    return 0


if __name__ == "__main__":
    sys.exit(main())
