"""Bias of scores per missing pattern under informative missingness, with and without inverse probability weights.

A method is fitted to complete training samples. Each pattern is scored on the test samples that observe it after a
protocol removed modalities, and on all test samples, the truth. Prints the mean absolute difference between both, over
patterns and seeds, with and without weights.

    python benchmarks/selection.py digits ../shared/data/wesad.npz
"""

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

from redcore.methods import make_method
from redcore.metrics import evaluate_patterns
from redcore.missing import ampute
from redcore.runs import SelectionWeighting, read_data

PROTOCOLS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "MCAR": ("bernoulli", {}),
    "MAR, first modality": ("dependent", {"strength": 3.0}),
    "MNAR, label, strength 1": ("label_dependent", {"strength": 1.0}),
    "MNAR, label, strength 3": ("label_dependent", {"strength": 3.0}),
    "MNAR, own values": ("value_dependent", {"strength": 3.0}),
}
"""Name and options of the protocols, by title."""

SCORES = ("nll", "accuracy", "macro_f1")


def biases(data: Any, protocol: str, options: Mapping[str, Any], seed: int, method_name: str) -> np.ndarray:
    """Return absolute differences to the truth (n_patterns, n_scores, 2), without and with weights, or NaN."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(data.n_samples)
    train, test = data.take(order[::2]), data.take(order[1::2])
    method = make_method(method_name).fit(train, seed=seed)
    rates = dict.fromkeys(data.names, 0.5)
    if protocol == "dependent":
        rates[data.names[0]] = 0.0
    hidden = ampute(test, protocol, rates, rng, options=options)
    truth = evaluate_patterns(method.predict, test, decide=method.decide).per_pattern
    weighting = SelectionWeighting(hidden, seed)
    plain = evaluate_patterns(method.predict, hidden, decide=method.decide, collect=weighting.add).per_pattern
    by_source = [
        np.array([[scores[name].get(score) for score in SCORES] for name in weighting.scores], dtype=np.float64)
        for scores in (plain, weighting.scores, truth)
    ]
    unweighted, weighted, true = by_source
    return np.abs(np.stack([unweighted, weighted], axis=-1) - true[..., None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", default="late_fusion")
    arguments = parser.parse_args()
    columns = " | ".join(f"{score} | {score}, weighted" for score in SCORES)
    print(f"| data | protocol | {columns} |")
    for source in arguments.data:
        data = read_data(source)
        for title, (protocol, options) in PROTOCOLS.items():
            runs = [biases(data, protocol, options, seed, arguments.method) for seed in range(arguments.seeds)]
            means = np.mean([np.nanmean(run, axis=0) for run in runs], axis=0)
            cells = " | ".join(f"{value:.3f}" for value in means.ravel())
            print(f"| {source} | {title} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
