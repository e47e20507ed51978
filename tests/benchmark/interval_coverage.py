"""Simulate runs of a benchmark and measure the coverage of 95% intervals of the mean score.

    $ python tests/benchmark/interval_coverage.py           # table of docs/benchmark.md, 2,000 simulations, minutes
    $ python tests/benchmark/interval_coverage.py 200       # fewer simulations

Each simulation draws a data set, runs a method several times, and computes the interval of its mean score. The coverage
is the share of simulations in which the interval contains the expected score.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from redcore._types import AnyArray, IntArray
from redcore.benchmark import Influence, RunScore, mean_interval
from redcore.metrics import SamplePredictions, influence

RUNS = (2, 3, 5, 10)
RESAMPLES = 500
Bounds = tuple[float, float]


@dataclass
class SimulatedRun:
    """Predictions of one run: the score, the predictions, the unit of each sample, and the ratio of test samples."""

    samples: SamplePredictions
    units: IntArray
    score: str
    split: str
    test_ratio: float

    def value(self, rows: IntArray | None = None) -> float:
        rows = np.arange(len(self.units)) if rows is None else rows
        if self.score == "nll":
            return float(self.samples.log_loss[rows].mean())
        return macro_f1(self.samples.target[rows], self.samples.decided[rows])

    def run_score(self) -> RunScore:
        of_units = Influence.of_units(self.units, influence(self.score, self.samples))
        return RunScore(self.value(), of_units, self.split, self.test_ratio)


def macro_f1(target: IntArray, predicted: IntArray) -> float:
    classes = max(target.max(), predicted.max()) + 1
    sizes = np.bincount(target, minlength=classes) + np.bincount(predicted, minlength=classes)
    hits = np.bincount(target[target == predicted], minlength=classes)
    return float(np.mean(2 * hits[sizes > 0] / sizes[sizes > 0]))


def loss_runs(
    rng: np.random.Generator, n_runs: int, n_samples: int = 200, n_groups: int | None = None, test_share: float = 1.0
) -> list[SimulatedRun]:
    """Simulate log losses with expectation 1: skewed sample effects, group effects, effects of runs, and residuals.

    With `test_share` 1, all runs have the same test samples; otherwise each run draws a share of the samples or groups.
    """
    n_units = n_groups or n_samples
    units = np.arange(n_samples) % n_units
    effects = 0.3 * (rng.exponential(size=n_samples) - 1)
    if n_groups:
        effects += 0.1 * rng.normal(size=n_groups)[units]
    runs = []
    for seed in range(n_runs):
        tested = rng.choice(n_units, round(test_share * n_units), replace=False)
        rows = np.flatnonzero(np.isin(units, tested))
        losses = 1 + 0.02 * rng.normal() + effects[rows] + 0.1 * rng.normal(size=len(rows))
        samples = SamplePredictions(
            np.zeros(len(rows), dtype=int), decided=np.zeros(len(rows), dtype=int), log_loss=losses
        )
        split = "fixed" if test_share == 1 else str(seed)
        runs.append(SimulatedRun(samples, units[rows], "nll", split, test_share / max(1e-9, 1 - test_share)))
    return runs


N_CLASSES, N_FEATURES, POOL, TEST_SHARE = 3, 5, 200, 0.25


def draw_classes(rng: np.random.Generator, n_samples: int) -> tuple[AnyArray, IntArray]:
    codes = rng.integers(N_CLASSES, size=n_samples)
    return rng.normal(size=(n_samples, N_FEATURES)) + np.eye(N_CLASSES, N_FEATURES)[codes], codes


def fit_discriminant(values: AnyArray, codes: IntArray) -> Callable[[AnyArray], AnyArray]:
    """Fit a linear discriminant with equal priors, and return its log-probabilities as a function of the features."""
    means = np.stack([values[codes == code].mean(axis=0) for code in range(N_CLASSES)])
    residuals = values - means[codes]
    precision = np.linalg.inv(residuals.T @ residuals / (len(values) - N_CLASSES))

    def predict(new: AnyArray) -> AnyArray:
        deviations = new[:, None] - means
        logits = -0.5 * np.einsum("nkd,de,nke->nk", deviations, precision, deviations)
        return logits - np.logaddexp.reduce(logits, axis=1)[:, None]

    return predict


def scored(log_probabilities: AnyArray, codes: IntArray) -> SamplePredictions:
    losses = -log_probabilities[np.arange(len(codes)), codes]
    return SamplePredictions(codes, decided=log_probabilities.argmax(axis=1), log_loss=losses)


def fitted_runs(rng: np.random.Generator, n_runs: int, score: str) -> list[SimulatedRun]:
    """Fit a discriminant on repeated random splits of one data set. The training sets overlap, as in a benchmark."""
    values, codes = draw_classes(rng, POOL)
    n_test = round(TEST_SHARE * POOL)
    runs = []
    for seed in range(n_runs):
        order = rng.permutation(POOL)
        test, train = order[:n_test], order[n_test:]
        predicted = fit_discriminant(values[train], codes[train])(values[test])
        ratio = n_test / (POOL - n_test)
        runs.append(SimulatedRun(scored(predicted, codes[test]), test, score, str(seed), ratio))
    return runs


def expected_score(score: str, n_draws: int = 300, n_test: int = 4000) -> float:
    """Return the expected score over training sets; F1 is biased for few test samples, hence small test sets."""
    rng = np.random.default_rng(99)
    scores = []
    for _ in range(n_draws):
        predict = fit_discriminant(*draw_classes(rng, POOL - round(TEST_SHARE * POOL)))
        values, codes = draw_classes(rng, n_test)
        predictions = scored(predict(values), codes)
        size = round(TEST_SHARE * POOL) if score == "macro_f1" else n_test
        for rows in np.split(np.arange(n_test), n_test // size):
            scores.append(SimulatedRun(predictions, codes, score, "", 0).value(rows))
    return float(np.mean(scores))


def percentile_interval(runs: Sequence[SimulatedRun], rng: np.random.Generator) -> Bounds:
    values = np.array([run.value() for run in runs])
    means = rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    return tuple(np.quantile(means, [0.025, 0.975]))


def bca_interval(runs: Sequence[SimulatedRun], rng: np.random.Generator) -> Bounds:
    """Return the bias-corrected and accelerated interval over runs (Efron 1987)."""
    values = np.array([run.value() for run in runs])
    means = rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    below = np.mean(means < values.mean()) + 0.5 * np.mean(means == values.mean())
    bias = norm.ppf(np.clip(below, 1e-4, 1 - 1e-4))
    # the jackknife means without one value deviate from their mean in proportion to the deviation of this value
    deviations = values - values.mean()
    squares = (deviations**2).sum()
    acceleration = (deviations**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
    levels = [
        norm.cdf(bias + (bias + norm.ppf(level)) / (1 - acceleration * (bias + norm.ppf(level))))
        for level in (0.025, 0.975)
    ]
    return tuple(np.quantile(means, levels))


def t_interval(runs: Sequence[SimulatedRun], rng: np.random.Generator) -> Bounds:
    values = np.array([run.value() for run in runs])
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - half, values.mean() + half


def hierarchical_interval(runs: Sequence[SimulatedRun], rng: np.random.Generator) -> Bounds:
    """Return the percentile interval of a bootstrap of runs, then of test units, the same units in all runs."""
    units = np.unique(np.concatenate([run.units for run in runs]))
    drawn = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), size=RESAMPLES)
    values = np.empty((RESAMPLES, len(runs)))
    for place, run in enumerate(runs):
        weights = drawn[:, np.searchsorted(units, run.units)]
        for resample in range(RESAMPLES if run.score == "macro_f1" else 0):
            values[resample, place] = run.value(np.repeat(np.arange(len(run.units)), weights[resample]))
        if run.score == "nll":
            values[:, place] = weights @ run.samples.log_loss / np.maximum(weights.sum(axis=1), 1)
    chosen = rng.integers(len(runs), size=(RESAMPLES, len(runs)))
    return tuple(np.quantile(np.take_along_axis(values, chosen, axis=1).mean(axis=1), [0.025, 0.975]))


def shipped_interval(runs: Sequence[SimulatedRun], rng: np.random.Generator) -> Bounds:
    interval = mean_interval([run.run_score() for run in runs])
    return interval.low, interval.high


INTERVALS: dict[str, Callable[[Sequence[SimulatedRun], np.random.Generator], Bounds]] = {
    "percentile": percentile_interval,
    "BCa": bca_interval,
    "t": t_interval,
    "hierarchical": hierarchical_interval,
    "mean_interval": shipped_interval,
}
"""The last one is `redcore.benchmark.mean_interval`."""

SCENARIOS: dict[str, tuple[Callable[[np.random.Generator, int], list[SimulatedRun]], Callable[[], float]]] = {
    "one split": (lambda rng, n_runs: loss_runs(rng, n_runs), lambda: 1.0),
    "one split, 12 groups": (lambda rng, n_runs: loss_runs(rng, n_runs, n_groups=12), lambda: 1.0),
    "random splits": (lambda rng, n_runs: loss_runs(rng, n_runs, 400, test_share=0.25), lambda: 1.0),
    "random splits, 24 groups": (
        lambda rng, n_runs: loss_runs(rng, n_runs, 400, n_groups=24, test_share=0.25),
        lambda: 1.0,
    ),
    "random splits, fits": (lambda rng, n_runs: fitted_runs(rng, n_runs, "nll"), lambda: expected_score("nll")),
    "random splits, fits, macro-F1": (
        lambda rng, n_runs: fitted_runs(rng, n_runs, "macro_f1"),
        lambda: expected_score("macro_f1"),
    ),
}


def coverage(
    scenario: str, intervals: Sequence[str], n_runs: int, n_simulations: int, seed: int = 0
) -> dict[str, float]:
    """Return the coverage of the intervals under a scenario."""
    simulate, expect = SCENARIOS[scenario]
    expected = expect()
    rng, own = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    hits = dict.fromkeys(intervals, 0)
    for _ in range(n_simulations):
        runs = simulate(rng, n_runs)
        for name in intervals:
            low, high = INTERVALS[name](runs, own)
            hits[name] += low <= expected <= high
    return {name: count / n_simulations for name, count in hits.items()}


def main(n_simulations: int) -> None:
    sys.stdout.write(f"| scenario | runs | {' | '.join(INTERVALS)} |\n|{'---|' * (len(INTERVALS) + 2)}\n")
    for scenario in SCENARIOS:
        for n_runs in RUNS:
            # a bootstrap of macro-F1 would take hours
            names = [name for name in INTERVALS if not (name == "hierarchical" and "F1" in scenario)]
            shares = coverage(scenario, names, n_runs, n_simulations)
            cells = [f"{shares[name]:.3f}" if name in shares else "" for name in INTERVALS]
            sys.stdout.write(f"| {scenario} | {n_runs} | {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
