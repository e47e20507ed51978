"""Confidence, accuracy and log loss by the number of observed modalities, from records with predictions per sample.

    $ python benchmarks/confidence.py runs/accuracy --methods redcore mvtcae

For each missing pattern of the test split, the mean probability of the predicted class (confidence), the share of right
predictions and the log loss in nats are averaged over test samples, then over the patterns with the same number of
modalities, then over runs. A confidence above the accuracy means that probabilities are too large. Only runs with
predictions per sample for all methods are used.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore.benchmark import Record, SampleFile, read_records
from redcore.metrics import AS_OBSERVED


def by_number(samples: SampleFile) -> dict[int, np.ndarray]:
    """Return the mean confidence, accuracy and log loss, (3,), by the number of observed modalities."""
    values: dict[int, list[list[float]]] = defaultdict(list)
    for name, one in samples.predictions.items():
        if name == AS_OBSERVED or one.confidence is None or one.argmax is None or one.log_loss is None:
            continue
        right = one.argmax == one.target
        means = [float(column.astype(float).mean()) for column in (one.confidence, right, one.log_loss)]
        values[len(pattern_modalities(name))].append(means)
    return {number: np.mean(rows, axis=0) for number, rows in values.items()}


def paired(records: Iterable[Record], methods: Sequence[str]) -> list[dict[str, Record]]:
    """Return the records by method of each run that has a record with predictions per sample of every method."""
    runs: dict[tuple[object, ...], dict[str, Record]] = defaultdict(dict)
    for record in records:
        if record.status == "done" and record.method_title in methods and record.sample_file() is not None:
            runs[record.data_title, record.protocol_title, record.seed, record.fold][record.method_title] = record
    return [run for run in runs.values() if len(run) == len(methods)]


def print_table(runs: Iterable[dict[str, Record]], methods: Sequence[str]) -> None:
    """Print one row per data set and number of observed modalities, with three columns per method."""
    blocks: dict[tuple[str, int], list[np.ndarray]] = defaultdict(list)
    for run in runs:
        tables = [by_number(samples) for name in methods if (samples := run[name].sample_file())]
        for number in tables[0]:
            blocks[run[methods[0]].data_title, number].append(np.concatenate([table[number] for table in tables]))
    print(f"| data | runs | observed | {' | '.join(f'{name}: confidence | accuracy | nats' for name in methods)} |")
    print("|---" * (3 + 3 * len(methods)) + "|")
    for (data, number), rows in sorted(blocks.items()):
        print(f"| {data} | {len(rows)} | {number} | {' | '.join(f'{mean:.3f}' for mean in np.mean(rows, axis=0))} |")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="benchmark folder with predictions per sample")
    parser.add_argument("--methods", nargs="+", required=True, help="titles of methods in the records")
    options = parser.parse_args(arguments)
    methods = list(dict.fromkeys(options.methods))
    runs = paired(read_records(options.records), methods)
    if not runs:
        raise SystemExit(f"{options.records}: no run has predictions per sample of {' and '.join(methods)}")
    print_table(runs, methods)
    return 0


if __name__ == "__main__":
    sys.exit(main())
