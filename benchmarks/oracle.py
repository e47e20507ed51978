"""Gain of the best constant supervision weights over equal weights: a sweep at equal sum.

    $ python benchmarks/oracle.py OUT --data-folder ../shared/data --seeds 5 --jobs 2
    $ python benchmarks/oracle.py OUT --data-folder ../shared/data --estimate   # one fit per data set, then CPU hours
    $ python benchmarks/oracle.py OUT --data-folder ../shared/data --table      # tables of the records so far
    $ python benchmarks/oracle.py OUT --data digits gaussian --seeds 3 --grid 0 0.3 3 --one-at-a-time  # a smaller sweep

Method `redcore`: one network, prediction of the joint head. Missing rates 0.2, 0.5, 0.8, in two orders. Weights of each
modality: 0, 0.1, 0.3, 1, 3, 10 (or `--grid`), all combinations that differ by more than a common factor for up to three
modalities, and one modality at a time (1 for the others) for more, or for any number with `--one-at-a-time`. All
weights, also those of the rules, have the sum sqrt(M).

The sweep is a benchmark of `redcore.benchmark`: one JSON record per fit in OUT, which the same command resumes after a
kill. Scores are the log loss and the macro-F1 of argmax on the test split, averaged over all missing patterns (squared
error divided by the variance, and R2, for regression). No validation score is used.

The best of many weights has the lowest test loss partly by chance. Two gains over `fixed` (equal weights) are therefore
reported, paired by seed:

- *cross-fitted*: the weights are chosen on one half of the test units (groups, or samples) in all seeds but one, and
  scored on the other half in that seed, averaged over seeds and halves. Neither the noise of the fits nor that of the
  test samples is counted as a gain. Weights that are good for only one seed are not found.
- *in sample*: the weights with the lowest mean loss over all seeds and test samples, scored on the same. It is biased
  upwards, so that a small value excludes a large gain within this grid.

Neither bounds a rule whose weights change during training. The first table also has the *spread* of the true effects
of the weights, equal weights included: their standard deviation, from an analysis of variance with seeds as blocks. It
uses all weights and not only the best ones. A negative estimate of the variance is reported as 0. p is the p-value of
the F test of no effect. The noise of fits is assumed independent, with equal variance for all weights.
"""

import argparse
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from scipy.stats import f as f_distribution
from sklearn.metrics import f1_score

from redcore._discovery import names
from redcore.benchmark import (
    Interval,
    Record,
    RunScore,
    Spec,
    compare,
    conflicts,
    mean_interval,
    missing_cells,
    read_records,
    run,
)
from redcore.metrics import AS_OBSERVED, SamplePredictions
from redcore.runs import read_data

GRID = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
FULL_PRODUCT_UP_TO = 3
RATES, ORDERS = (0.2, 0.5, 0.8), (0, 1)
FIXED, WEIGHTS = "fixed", "weights "
DATA = ("digits", "gaussian", "leaves100.npz", "mosi.npz", "utd_mhad.npz", "wesad.npz", "tcga_breast.npz", "houses.npz")


def weights_of(
    n_modalities: int, grid: Sequence[float] = GRID, full_product_up_to: int = FULL_PRODUCT_UP_TO
) -> list[tuple[float, ...]]:
    """Return all weights of the sweep without equal weights, each once up to a common factor."""
    if n_modalities <= full_product_up_to:
        candidates = list(product(grid, repeat=n_modalities))
    else:
        candidates = [
            tuple(value if place == moved else 1.0 for place in range(n_modalities))
            for moved in range(n_modalities)
            for value in grid
        ]
    distinct = {tuple(round(value / max(point), 9) for value in point): point for point in candidates if any(point)}
    return [point for point in distinct.values() if len(set(point)) > 1]


def specification(
    sources: Sequence[str],
    folder: Path,
    n_seeds: int,
    grid: Sequence[float] = GRID,
    full_product_up_to: int = FULL_PRODUCT_UP_TO,
    rules: Sequence[str] = (),
) -> Spec:
    """Return the benchmark with equal weights, the rules (default: all) and all weights of the sweep."""
    n_modalities = {source: len(read_data(_path(source, folder)).names) for source in sources}
    data = [{"name": source, "outer_split": "repeated"} for source in sources]
    methods = [
        {"name": "redcore", "label": rule, "settings": {"balancing": rule, "weight_norm": "sum"}}
        for rule in dict.fromkeys([FIXED, *(rules or names("redcore.balancing"))])
    ]
    by_size = defaultdict(list)
    for source, size in n_modalities.items():
        by_size[size].append(Path(source).stem)
    for size, titles in by_size.items():
        for point in weights_of(size, grid, full_product_up_to):
            settings = {"balancing": "fixed", "weight_norm": "sum", "fixed_weights": point}
            label = WEIGHTS + "/".join(f"{value:g}" for value in point)
            methods.append({"name": "redcore", "label": label, "settings": settings, "only": titles})
    protocols = [{"name": "imbalanced", "rates": RATES, "order": order} for order in ORDERS]
    title = "Constant supervision weights with equal sum"
    return Spec.checked({"title": title, "n_seeds": n_seeds, "data": data, "protocol": protocols, "method": methods})


def _path(source: str, folder: Path) -> str:
    return str(folder / source) if (folder / source).exists() else source


class Scores(NamedTuple):
    """Scores of one run on each half of the test units, (2,), and on all of them, averaged over missing patterns."""

    loss: np.ndarray
    f1: np.ndarray
    whole_loss: float
    whole_f1: float


def scores_of(record: Record) -> Scores:
    """Return the scores of a record with predictions per test sample."""
    samples = record.sample_file()
    if samples is None:
        raise SystemExit(f"{record.key}: has no predictions per sample")
    # a checksum, so that a unit is in the same half for all seeds
    half = np.array([zlib.crc32(str(unit).encode()) % 2 for unit in samples.units])
    by_part: list[list[tuple[float, float]]] = [[], [], []]
    for name, predictions in samples.predictions.items():
        if name == AS_OBSERVED:
            continue
        part_of = half[samples.rows[name]]
        for part, chosen in enumerate((part_of == 0, part_of == 1, np.ones(len(part_of), dtype=bool))):
            if chosen.any():
                by_part[part].append(_loss_and_f1(predictions, chosen))
    first, second, whole = (np.mean(values, axis=0) for values in by_part)
    return Scores(np.array([first[0], second[0]]), np.array([first[1], second[1]]), float(whole[0]), float(whole[1]))


def _loss_and_f1(predictions: SamplePredictions, chosen: np.ndarray) -> tuple[float, float]:
    target = predictions.target[chosen]
    if predictions.predicted is not None:
        # the variance of all samples, since both halves need the same unit
        unexplained = np.mean((predictions.predicted[chosen] - target) ** 2) / predictions.target.var()
        return float(unexplained), float(1 - unexplained)
    if predictions.log_loss is None or predictions.argmax is None:
        raise SystemExit("the oracle needs one class or one number per sample")
    f1 = f1_score(target, predictions.argmax[chosen], average="macro", zero_division=0)
    return float(predictions.log_loss[chosen].mean()), float(f1)


class Gain(NamedTuple):
    """Mean decrease of the log loss and mean increase of macro-F1 over equal weights, with 95% intervals."""

    loss: Interval
    f1: Interval


class Spread(NamedTuple):
    """Standard deviation of the true effects of the weights with its 95% interval, and the p-value of no effect."""

    deviation: float
    low: float
    high: float
    p_value: float


class Oracle(NamedTuple):
    """Gains of the best constant weights of one data set and order, spreads, and the weights chosen in sample."""

    cross_fitted: Gain | None
    in_sample: Gain
    spread_of_loss: Spread | None
    spread_of_f1: Spread | None
    best: str
    n_seeds: int


def oracle(records: Sequence[Record]) -> Oracle | None:
    """Return the gains for one data set and order, over the seeds of which all weights have a record."""
    by_seed: dict[int, dict[str, Record]] = defaultdict(dict)
    for record in records:
        title = record.method_title
        if title == FIXED or title.startswith(WEIGHTS):
            by_seed[record.seed][title] = record
    titles = sorted({title for runs in by_seed.values() for title in runs})
    seeds = sorted(seed for seed, runs in by_seed.items() if set(runs) == set(titles))
    if FIXED not in titles or len(titles) < 2 or not seeds:
        return None
    # equal weights come first, so that ties are not a change
    titles.sort(key=lambda title: title != FIXED)
    table = [[scores_of(by_seed[seed][title]) for seed in seeds] for title in titles]
    loss = np.array([[scores.loss for scores in row] for row in table])
    f1 = np.array([[scores.f1 for scores in row] for row in table])
    whole = np.array([[(scores.whole_loss, scores.whole_f1) for scores in row] for row in table])
    runs = [by_seed[seed][FIXED] for seed in seeds]
    best = int(whole[:, :, 0].mean(axis=1).argmin())
    difference = whole[best] - whole[0]
    in_sample = Gain(_interval(-difference[:, 0], runs), _interval(difference[:, 1], runs))
    gains = cross_fitted_gains(loss, f1)
    cross_fitted = None if gains is None else Gain(_interval(gains[0], runs), _interval(gains[1], runs))
    spreads = (spread_of_effects(whole[:, :, 0]), spread_of_effects(whole[:, :, 1]))
    return Oracle(cross_fitted, in_sample, *spreads, titles[best], len(seeds))


def spread_of_effects(scores: np.ndarray) -> Spread | None:
    """Return the spread of the effects of weights from the scores (n_weights, n_seeds); None for one seed.

    The score of weights w in seed s is modelled as ``a_w + b_s + noise``. The spread is the standard deviation of the
    a_w, from the mean squares of a two-way analysis of variance.
    """
    n_weights, n_seeds = scores.shape
    if n_seeds < 2:
        return None
    effects = scores.mean(axis=1, keepdims=True)
    noise = scores - effects - scores.mean(axis=0) + scores.mean()
    degrees = (n_weights - 1, (n_weights - 1) * (n_seeds - 1))
    of_noise = float((noise**2).sum()) / degrees[1]
    of_effects = n_seeds * float(effects.var(ddof=1))
    upper, lower = (float(f_distribution.ppf(level, *degrees)) for level in (0.975, 0.025))
    deviation, low, high = (
        float(np.sqrt(max(0.0, of_effects / quantile - of_noise) / n_seeds)) for quantile in (1.0, upper, lower)
    )
    ratio = of_effects / of_noise if of_noise else np.inf
    return Spread(deviation, low, high, float(f_distribution.sf(ratio, *degrees)))


def cross_fitted_gains(loss: np.ndarray, f1: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the gain in loss and in macro-F1 of each seed, (n_seeds,), from arrays (n_weights, n_seeds, 2 halves).

    The first weights are the reference. The weights for half h of seed s have the lowest mean loss on the other half in
    the other seeds. The result is None for one seed.
    """
    n_seeds = loss.shape[1]
    if n_seeds < 2:
        return None
    gains = np.zeros((2, n_seeds, 2))
    for seed in range(n_seeds):
        others = np.arange(n_seeds) != seed
        for half in range(2):
            chosen = loss[:, others, 1 - half].mean(axis=1).argmin()
            gains[0, seed, half] = loss[0, seed, half] - loss[chosen, seed, half]
            gains[1, seed, half] = f1[chosen, seed, half] - f1[0, seed, half]
    return gains[0].mean(axis=1), gains[1].mean(axis=1)


def _interval(values: np.ndarray, runs: Sequence[Record]) -> Interval:
    def ratio(record: Record) -> float:
        return record.n_samples["test"] / sum(n for part, n in record.n_samples.items() if part != "test")

    return mean_interval(
        [
            RunScore(float(value), split=record.split_checksum, test_ratio=ratio(record))
            for value, record in zip(values, runs, strict=True)
        ]
    )


def print_tables(records: Sequence[Record]) -> None:
    """Print the gains of the oracle per data set and order, and those of each rule per data set."""
    blocks: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "done":
            blocks[record.data_title, record.protocol_title].append(record)
    print(
        "| data | order | seeds | cross-fitted: nats | points | in sample: nats | points | best weights "
        "| spread in nats | p | in points | p |"
    )
    print("|---" * 12 + "|")
    results = {names: oracle(block) for names, block in sorted(blocks.items())}
    for (data, protocol), result in results.items():
        if result is None:
            print(f"| {data} | {protocol} | incomplete |||||||||")
            continue
        cells = [cell for gain in (result.cross_fitted, result.in_sample) for cell in _cells(gain)]
        cells += [result.best.removeprefix(WEIGHTS), *_spread_cells(result.spread_of_loss, 4)]
        cells += _spread_cells(result.spread_of_f1, 2, 100)
        print(f"| {data} | {protocol} | {result.n_seeds} | {' | '.join(cells)} |")
    print_means({names: result for names, result in results.items() if result is not None})
    rules = [record for block in blocks.values() for record in block if not record.method_title.startswith(WEIGHTS)]
    if not rules:
        return
    print("\nRules at equal sum, minus fixed, mean over both orders (positive: better than fixed):\n")
    print("| data | rule | nats | points |\n|---|---|---|---|")
    in_nats, in_points = (
        {one.method: one for one in compare(rules, FIXED, score=score)} for score in ("proper", "argmax")
    )
    for rule in sorted(in_nats):
        for data, interval in in_nats[rule].by_data.items():
            print(f"| {data} | {rule} | {_text(interval, 4)} | {_text(in_points[rule].by_data[data], 2, 100)} |")


def print_means(results: Mapping[tuple[str, str], Oracle]) -> None:
    """Print the mean gains over data sets, each the mean of its orders, with 95% t intervals over data sets."""
    for title in ("cross_fitted", "in_sample"):
        by_data = defaultdict(list)
        for (data, _), result in results.items():
            gain = getattr(result, title)
            if gain is not None:
                by_data[data].append((gain.loss.mean, gain.f1.mean))
        if by_data:
            means = np.array([np.mean(orders, axis=0) for orders in by_data.values()])
            loss, f1 = (mean_interval([RunScore(float(value)) for value in column]) for column in means.T)
            print(f"\nMean {title} gain over {len(means)} data sets: {_text(loss, 4)} nats, {_text(f1, 2, 100)} points")


def _cells(gain: Gain | None) -> tuple[str, str]:
    return ("", "") if gain is None else (_text(gain.loss, 4), _text(gain.f1, 2, 100))


def _spread_cells(spread: Spread | None, digits: int, factor: float = 1.0) -> tuple[str, str]:
    if spread is None:
        return "", ""
    deviation, low, high = (f"{factor * value:.{digits}f}" for value in spread[:3])
    return f"{deviation} ({low} to {high})", f"{spread.p_value:.3f}"


def _text(interval: Interval, digits: int, factor: float = 1.0) -> str:
    mean, low, high = (f"{factor * value:+.{digits}f}" for value in (interval.mean, interval.low, interval.high))
    return mean if interval.n_runs < 2 else f"{mean} ({low} to {high})"


def sweep(spec: Spec, options: argparse.Namespace) -> None:
    """Run the cells without a record, with a progress bar."""
    n_cells, n_remaining = sum(1 for _ in spec.cells()), len(missing_cells(spec, options.out))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("fits", total=n_cells, completed=n_cells - n_remaining)

        def on_record(record: Record) -> None:
            if record.status == "failed":
                console.print(f"failed: {record.key}: {record.error}", markup=False)
            bar.advance(task)

        run(spec, options.out, n_jobs=options.jobs, data_folder=options.data_folder, progress=on_record)


def print_hours(spec: Spec, records: Iterable[Record]) -> None:
    """Print the CPU hours of the sweep, estimated by the mean CPU time of the finished fits of each data set."""
    times: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if record.status == "done":
            times[record.data_title].append(sum(record.cpu_seconds.values()))
    n_cells: dict[str, int] = defaultdict(int)
    for cell in spec.cells():
        n_cells[cell.data.title()] += 1
    hours = {data: n * float(np.mean(times[data])) / 3600 for data, n in n_cells.items() if data in times}
    print("| data | fits | CPU seconds of a fit | CPU hours |\n|---|---|---|---|")
    for data, n in n_cells.items():
        known = data in hours
        print(
            f"| {data} | {n} | {np.mean(times[data]):.1f} | {hours[data]:.1f} |" if known else f"| {data} | {n} | | |"
        )
    print(f"total: {sum(hours.values()):.1f} CPU hours for {len(hours)} of {len(n_cells)} data sets")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the records")
    parser.add_argument("--data-folder", type=Path, default=Path())
    parser.add_argument("--data", nargs="+", default=DATA, help="bundled data sets, or files in the data folder")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of all fits")
    parser.add_argument("--grid", type=float, nargs="+", default=GRID, help="weights of each modality")
    parser.add_argument("--one-at-a-time", action="store_true", help="no combinations of weights, for any data set")
    parser.add_argument("--rules", nargs="+", default=(), help="rules to compare with the rule fixed (default: all)")
    parser.add_argument("--estimate", action="store_true", help="one fit of each data set, then print the CPU hours")
    parser.add_argument("--table", action="store_true", help="print the tables of the finished fits")
    options = parser.parse_args()
    changes = dict(change.partition("=")[::2] for change in options.set)
    up_to = 1 if options.one_at_a_time else FULL_PRODUCT_UP_TO
    spec = specification(options.data, options.data_folder, options.seeds, options.grid, up_to, options.rules)
    spec = spec.shortened(settings=changes)
    if options.estimate:
        first = {"method": tuple(method for method in spec.method if method.label == FIXED), "n_seeds": 1}
        sweep(spec.model_copy(update={**first, "protocol": spec.protocol[:1]}), options)
    elif not options.table:
        sweep(spec, options)
    keys = {cell.key() for cell in spec.cells()}
    records = [record for record in read_records(options.out) if record.key in keys]
    for conflict in conflicts(records):
        print(f"data, splits or masks differ between weights: {conflict}")
    print_hours(spec, records)
    if not options.estimate:
        print()
        print_tables(records)
    return int(any(record.status == "failed" for record in records))


if __name__ == "__main__":
    sys.exit(main())
