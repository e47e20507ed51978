"""Measure the coverage of conformal intervals and sets under every missing pattern, by repeated cross-validation.

Each repeat draws folds; groups are never split. Each fold is the test set once. The next fold is the calibration set
and the other folds are the training set, with missing modalities. Every test sample is scored under all missing
patterns that are subsets of its observed modalities. The output lists, per pattern, the fraction of covered samples
over all folds and repeats and the mean width of the intervals (or the mean set size).

    python benchmarks/coverage.py houses.npz --repeats 3 --method stacked
    python benchmarks/coverage.py gaussian:number --n-samples 1500
"""

import argparse
import json
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

from redcore import MultimodalData, ampute
from redcore.data.formats import read
from redcore.datasets import gaussian
from redcore.methods import make_method
from redcore.metrics import missing_patterns, pattern_name
from redcore.uncertainty import Calibration

Totals = dict[str, list[tuple[float, float, int]]]


def load(name: str, n_samples: int) -> MultimodalData:
    if name.startswith("gaussian"):
        return gaussian.load(n_samples, target=name.partition(":")[2] or "classes")
    return read(Path(name))


def folds(data: MultimodalData, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    groups = np.arange(data.n_samples) if data.groups is None else np.unique(data.groups, return_inverse=True)[1]
    return (rng.permutation(groups.max() + 1) % n_folds)[groups]


def score(calibration: Calibration, method, test: MultimodalData, coverage: float, totals: Totals) -> None:
    for pattern in missing_patterns(test.names):
        keep = np.isin(test.names, pattern)
        rows = np.flatnonzero(test.availability[:, keep].all(axis=1))
        if not rows.size:
            continue
        samples = test.take(rows).hide(np.broadcast_to(keep, (len(rows), len(keep))))
        outputs, bounds = method.predict(samples), calibration.bounds(samples, coverage)
        if samples.target.is_classification:
            sets = 1 - outputs <= bounds
            covered, size = sets[np.arange(len(rows)), samples.target.values], sets.sum(axis=1)
        else:
            covered, size = np.abs(outputs[:, 0] - samples.target.values) <= bounds[:, 0], 2 * bounds[:, 0]
        totals[pattern_name(pattern)].append((float(covered.sum()), float(size.sum()), len(rows)))


def run(arguments: argparse.Namespace) -> Totals:
    data = load(arguments.data, arguments.n_samples)
    totals: Totals = defaultdict(list)
    settings = dict(text.split("=", 1) for text in arguments.set)
    for repeat in range(arguments.repeats):
        rng = np.random.default_rng([arguments.seed, repeat])
        fold_of = folds(data, arguments.folds, rng)
        for fold in range(arguments.folds):
            test, calibration_rows = fold_of == fold, fold_of == (fold + 1) % arguments.folds
            train = data.take(np.flatnonzero(~test & ~calibration_rows))
            train = ampute(train, "shared", dict.fromkeys(data.names, arguments.rate), rng)
            method = make_method(arguments.method, settings=settings).fit(train, seed=repeat * arguments.folds + fold)
            calibration = Calibration.fit(method, data.take(np.flatnonzero(calibration_rows)))
            score(calibration, method, data.take(np.flatnonzero(test)), arguments.coverage, totals)
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="path of an npz file, or gaussian, or gaussian:number")
    parser.add_argument("--method", default="stacked")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of the method")
    parser.add_argument("--coverage", type=float, default=0.9, help="nominal coverage, in (0, 1)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.3, help="missing rate of every modality in training")
    parser.add_argument("--n-samples", type=int, default=1500, help="number of samples of gaussian")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    totals = run(arguments)
    rates = []
    for pattern, folds_of_pattern in totals.items():
        covered, size, n = (sum(column) for column in zip(*folds_of_pattern, strict=True))
        rates.append(covered / n)
        print(f"{pattern:50} coverage {covered / n:.3f}  mean size {size / n:.3f}  n {n}")
    summary = {"patterns": len(rates), "least": min(rates), "mean": float(np.mean(rates)), "largest": max(rates)}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
