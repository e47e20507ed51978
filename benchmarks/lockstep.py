"""Gain of training the ensemble members of the default in lockstep: fits of the same data with and without it.

    OMP_NUM_THREADS=1 python benchmarks/lockstep.py --cpu                              # five sizes
    OMP_NUM_THREADS=1 python benchmarks/lockstep.py --cpu --size 200 4 20 4 --pairs 1  # 15 seconds
    OMP_NUM_THREADS=1 python benchmarks/lockstep.py --cpu --pairs 1 --records docs/results/accuracy.jsonl.gz --root DATA

Whole fits (preprocessing, training, validation, stack) alternate. The script prints the ratio of their times, separate
over lockstep, with the smallest and the largest, the steps of the members, and the differences of the predictions of
the training samples. With `--records`, the data are those of the first run of the default on each data set.
"""

import argparse
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from baselines import vectors
from timing import machine, pairs

from redcore.benchmark import read_records
from redcore.benchmark._splits import prepare
from redcore.data import MultimodalData
from redcore.methods import make_method, stacked
from redcore.methods.stacked import Stacked

SIZES = (
    (200, 4, 20, 4),
    (1_000, 3, 100, 10),
    (300, 10, 50, 4),
    (2_000, 4, 100, 10),
    (2_000, 16, 30, 4),
)
"""Numbers of samples, modalities, features and classes."""

LARGEST = stacked.MAX_VALUES_AT_ONCE


def compare(name: str, data: MultimodalData, largest: int, n_pairs: int, **options: Any) -> None:
    """Print times, ratio and differences of predictions; data with more values than `largest` have separate fits."""
    fitted: dict[str, Stacked] = {}

    def fit(how: str, most: int, **settings: int) -> None:
        stacked.MAX_VALUES_AT_ONCE = most
        fitted[how] = cast(Stacked, make_method("stacked", settings=settings).fit(data, **options))

    timed = pairs(lambda: fit("lockstep", largest), lambda: fit("separate", 0), n_pairs)
    fit("two threads", 0, n_threads=2)
    print(f"{name}: separate {np.median(timed.baseline):.2f} s, lockstep", end=" ")
    print(f"{np.median(timed.redcore):.2f} s, ratio {timed}", end="")
    expected = np.asarray(fitted["separate"].predict(data))
    for how, method in fitted.items():
        differences = np.abs(np.asarray(method.predict(data)) - expected).reshape(len(expected), -1).max(axis=1)
        steps = [history.n_steps for history in method.histories]
        print(f"; {how}: steps {steps}", end="")
        if how != "separate":
            nine_tenths = np.quantile(differences, 0.9)
            print(f", largest difference {differences.max():.0e}, nine tenths {nine_tenths:.0e}", end="")
    print(flush=True)


def compare_records(path: Path, root: Path, names: list[str], n_pairs: int) -> None:
    """Compare the first run of the default in the records of a benchmark on each of its data sets."""
    seen: set[str] = set()
    for record in read_records(path):
        cell = record.cell
        is_default = cell.method.name == "stacked" and cell.method.settings.get("base", "redcore") == "redcore"
        if is_default and cell.seed == 0 and cell.data.name not in seen and (not names or cell.data.name in names):
            seen.add(cell.data.name)
            parts = prepare(cell, root)
            compare(cell.data.name, parts.train, LARGEST, n_pairs, validation=parts.validation, seed=cell.seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="measure CPU time")
    parser.add_argument(
        "--size", type=int, nargs=4, action="append", metavar=("SAMPLES", "MODALITIES", "FEATURES", "CLASSES")
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs of fits, after one fit of each that is not timed")
    parser.add_argument("--records", type=Path, help="records of a benchmark")
    parser.add_argument("--root", type=Path, help="folder of the data files of the records")
    parser.add_argument("--data", nargs="*", default=[], help="data sets of the records; default: all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), flush=True)
    if arguments.records:
        compare_records(arguments.records, arguments.root, arguments.data, arguments.pairs)
        return
    for size in arguments.size or SIZES:
        compare(" x ".join(map(str, size)), vectors(*size), 10**12, arguments.pairs)


if __name__ == "__main__":
    main()
