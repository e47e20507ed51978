"""Measure how often the intervals of explanations contain the true value, by simulation.

    OMP_NUM_THREADS=1 python benchmarks/explanation_intervals.py [--worlds 20] [--truth 10000] [--methods stack]

Expected changes (nominal coverage 90%): one modality of 300 samples is hidden, and the true change is that of the
prediction when it is added. Feature importance (nominal coverage 95%): importances on 200 samples, and the true ones on
many other samples. Both use random worlds of `gaussian` with three modalities and their own models.
"""

import argparse

import numpy as np

from redcore.data import MultimodalData
from redcore.datasets import gaussian
from redcore.explain import explain_samples, feature_importance
from redcore.methods import Method, make_method

N_FIT, N_TEST, N_SAMPLES = 600, 300, 200
N_REFERENCE = (80, 200, 1000)
METHODS = ("bayes", "late_fusion", "stack")
TARGETS = ("classes", "number")
HIDDEN = "m02"


def world(seed: int, target: str, n_samples: int) -> tuple[dict, MultimodalData]:
    """Return settings and complete samples of a random world."""
    scales = np.random.default_rng(seed).uniform(0.2, 0.8, 3)
    settings = {"target": target, "informativeness": tuple(scales.tolist()), "world_seed": seed}
    settings |= {"n_features": 6, "n_classes": 3}
    return settings, gaussian.load(n_samples, seed, **settings)


def fitted(name: str, settings: dict, data: MultimodalData) -> Method:
    return make_method(name, settings=settings if name == "bayes" else None).fit(data)


def cover_of_changes(name: str, target: str, n_reference: int, seed: int) -> float:
    """Return the share of the samples of one world whose interval contains the true change."""
    settings, data = world(seed, target, N_FIT + N_TEST + n_reference)
    fit, test, reference = np.split(np.arange(data.n_samples), [N_FIT, N_FIT + N_TEST])
    method, complete = fitted(name, settings, data.take(fit)), data.take(test)
    hidden = complete.hide(np.tile([one != HIDDEN for one in data.names], (N_TEST, 1)))
    explanations = explain_samples(method, hidden, data.take(reference))
    before, after = method.predict(hidden), method.predict(complete)
    column = np.zeros(N_TEST, dtype=int) if target == "number" else method.decide(before)
    true = (after - before)[np.arange(N_TEST), column]
    changes = [explanation.changes[HIDDEN] for explanation in explanations]
    return float(np.mean([change.low <= value <= change.high for change, value in zip(changes, true, strict=True)]))


def importances(method: Method, data: MultimodalData, **options) -> dict:
    """Return the importance of each feature by modality and feature; "" stands for all features of a modality."""
    results = feature_importance(method, data, **options)
    single = {(one.modality, feature.feature): feature for one in results for feature in one.features}
    return single | {(one.modality, ""): one.together for one in results}


def cover_of_features(name: str, target: str, seed: int, n_truth: int) -> float:
    """Return the share of the features of one world whose interval contains the true importance."""
    settings, data = world(seed, target, N_FIT + N_SAMPLES + n_truth)
    fit, few, many = np.split(np.arange(data.n_samples), [N_FIT, N_FIT + N_SAMPLES])
    method = fitted(name, settings, data.take(fit))
    true = importances(method, data.take(many), n_repeats=2, max_samples=n_truth)
    found = importances(method, data.take(few), seed=seed)
    return float(np.mean([one.low <= true[key].value <= one.high for key, one in found.items()]))


def row(name: str, target: str, what: str, shares: list[float]) -> str:
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    return f"| {what} | `{name}` | {target} | {np.mean(shares):.1%} ± {error:.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--truth", type=int, default=10_000, help="samples for the true importance of features")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    options = parser.parse_args()
    n_worlds = options.worlds
    print("| interval | method | target | contain the true value (± standard error over worlds) |\n|---|---|---|---|")
    for target in TARGETS:
        for name in options.methods:
            for n_reference in N_REFERENCE:
                shares = [cover_of_changes(name, target, n_reference, seed) for seed in range(n_worlds)]
                print(row(name, target, f"change, {n_reference} reference samples", shares), flush=True)
            shares = [cover_of_features(name, target, seed, options.truth) for seed in range(n_worlds)]
            print(row(name, target, f"features, {N_SAMPLES} samples", shares), flush=True)


if __name__ == "__main__":
    main()
