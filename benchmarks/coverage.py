"""Measure the coverage of conformal intervals and sets under every missing pattern, by repeated cross-validation.

Each repeat draws folds; groups are never split. Each fold is the test set once. The next fold is the calibration set
and the other folds are the training set, with missing modalities. Every test sample is scored under all missing
patterns that are subsets of its observed modalities. The output lists, per pattern, the fraction of covered samples
over all folds and repeats and the mean width of the intervals (or the mean set size).

With --protocol, training, calibration and test samples lose modalities, each part in its own draw. Every test sample is
then scored once, under the pattern that was drawn for it. The last line also has the coverage over all test samples and
the pattern with the lowest coverage, of those with at least 100 samples.

    python benchmarks/coverage.py houses.npz --repeats 3 --method stacked
    python benchmarks/coverage.py gaussian:number --n-samples 1500
    python benchmarks/coverage.py digits --method late_fusion --rate 0.5 --protocol label_dependent --strength 3
"""

import argparse
import json
import warnings
from collections import defaultdict

import numpy as np

from redcore import MultimodalData, ampute
from redcore.datasets import gaussian
from redcore.methods import make_method
from redcore.metrics import missing_patterns, pattern_name
from redcore.runs import read_data
from redcore.uncertainty import Calibration

Totals = dict[str, list[tuple[float, float, int]]]

LEAST_SAMPLES = 100
"""Fewest samples of the pattern with the lowest coverage; by chance alone, 100 have a standard deviation of 0.03."""


def load(name: str, n_samples: int) -> MultimodalData:
    if name.startswith("gaussian"):
        return gaussian.load(n_samples, target=name.partition(":")[2] or "classes")
    return read_data(name)


def folds(data: MultimodalData, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    groups = np.arange(data.n_samples) if data.groups is None else np.unique(data.groups, return_inverse=True)[1]
    return (rng.permutation(groups.max() + 1) % n_folds)[groups]


def without_modalities(data: MultimodalData, arguments: argparse.Namespace, rng: np.random.Generator) -> MultimodalData:
    """Return `data` without the modalities that the protocol removes; "shared" if none is named."""
    rates = dict.fromkeys(data.names, arguments.rate)
    if arguments.protocol == "dependent":  # the first modality is observed and determines whether the others are
        rates[data.names[0]] = 0.0
    options = {} if arguments.strength is None else {"strength": arguments.strength}
    return ampute(data, arguments.protocol or "shared", rates, rng, options=options)


def score(
    calibration: Calibration, method, test: MultimodalData, coverage: float, totals: Totals, *, as_drawn: bool
) -> None:
    """Add the covered samples per pattern to `totals`; if `as_drawn`, only samples whose own pattern it is."""
    for pattern in missing_patterns(test.names):
        keep = np.isin(test.names, pattern)
        has_pattern = test.availability[:, keep].all(axis=1)
        if as_drawn:
            has_pattern &= ~test.availability[:, ~keep].any(axis=1)
        rows = np.flatnonzero(has_pattern)
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
            parts = [data.take(np.flatnonzero(rows)) for rows in (~test & ~calibration_rows, calibration_rows, test)]
            amputed = range(3) if arguments.protocol else range(1)
            for part in amputed:
                parts[part] = without_modalities(parts[part], arguments, rng)
            method = make_method(arguments.method, settings=settings).fit(
                parts[0], seed=repeat * arguments.folds + fold
            )
            calibration = Calibration.fit(method, parts[1])
            score(calibration, method, parts[2], arguments.coverage, totals, as_drawn=bool(arguments.protocol))
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="path of an npz file, or gaussian, or gaussian:number")
    parser.add_argument("--method", default="stacked")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of the method")
    parser.add_argument("--coverage", type=float, default=0.9, help="nominal coverage, in (0, 1)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.3, help="missing rate of every modality")
    parser.add_argument("--protocol", help="protocol by which all parts lose modalities; default: only training does")
    parser.add_argument("--strength", type=float, help="option of the protocol")
    parser.add_argument("--n-samples", type=int, default=1500, help="number of samples of gaussian")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    totals = run(arguments)
    rates, counts, names = [], [], []
    for pattern, folds_of_pattern in totals.items():
        covered, size, n = (sum(column) for column in zip(*folds_of_pattern, strict=True))
        rates.append(covered / n)
        counts.append(n)
        names.append(pattern)
        print(f"{pattern:50} coverage {covered / n:.3f}  mean size {size / n:.3f}  n {n}")
    summary = {"patterns": len(rates), "least": min(rates), "mean": float(np.mean(rates)), "largest": max(rates)}
    if arguments.protocol:
        rate, n, name = min(row for row in zip(rates, counts, names, strict=True) if row[1] >= LEAST_SAMPLES)
        summary["overall"] = float(np.average(rates, weights=counts))
        summary["worst"] = {"pattern": name, "coverage": rate, "n": n}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
