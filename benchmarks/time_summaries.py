"""Compare ways to read sequences: scores and CPU time.

Methods without a network read statistics of a sequence with or without windows and autocorrelations, networks use the
encoder "transformer" or "windows". Prints each fit, and the mean of paired differences with a 95% t interval.

    python benchmarks/time_summaries.py ../shared/data/utd_mhad.npz
    python benchmarks/time_summaries.py simulated

`simulated` has noisy oscillations of 2,000 steps whose class is the frequency.
"""

import argparse
import importlib
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from redcore.data import MultimodalData, Target
from redcore.data.formats import read
from redcore.methods import make_method
from redcore.metrics import evaluate_patterns
from redcore.missing import ampute
from redcore.nn import WINDOWS

NETWORKS: dict[str, dict[str, Any]] = {
    "redcore": {},
    "zero_fill": {"modality_dropout": 0.3},
    "mvtcae": {},
    "stacked": {},
}
"""Settings of the network methods."""

VARIANTS = {False: ("moments", "windows"), True: ("transformer", "windows")}
"""Ways to read sequences, without and with a network."""

FREQUENCIES = (0.01, 0.02, 0.04, 0.08)


def simulated(n_samples: int = 600, n_steps: int = 2000) -> MultimodalData:
    """Return two noisy signals with one of four frequencies, and two weakly informative numbers."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, n_samples)
    frequency = np.array(FREQUENCIES)[codes][:, None, None]

    def signal(n_features: int, noise: float) -> np.ndarray:
        phase, amplitude = (
            rng.uniform(0, 2 * np.pi, (n_samples, 1, n_features)),
            rng.lognormal(0, 0.3, (n_samples, 1, n_features)),
        )
        angle = 2 * np.pi * frequency * np.arange(n_steps)[:, None] * rng.uniform(0.9, 1.1, (n_samples, 1, 1))
        return amplitude * np.sin(angle + phase) + noise * rng.normal(size=(n_samples, n_steps, n_features))

    modalities = {
        "acc": signal(3, 2.0),
        "ppg": signal(1, 3.0),
        "age": rng.normal(size=(n_samples, 2)) + 0.3 * codes[:, None],
    }
    split = np.where(np.arange(n_samples) < n_samples * 2 // 3, 0, 2)
    return MultimodalData.from_arrays(modalities, Target.from_labels(codes), split=split)


def main() -> None:
    """Print one line per method, seed and summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--methods", default="stack,late_fusion,indicator_linear,redcore,zero_fill,mvtcae,stacked")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    data = simulated() if options.data == "simulated" else read(Path(options.data))
    rates = dict.fromkeys(data.names, 0.3)
    for method in options.methods.split(","):
        runs = []
        for seed in range(options.seeds):
            train = ampute(data.part("train"), "bernoulli", rates, np.random.default_rng(seed))
            for variant in VARIANTS[method in NETWORKS]:
                runs.append(scores(method, variant, train, data.part("test"), seed))
                print(f"{method}, {variant}, seed {seed}: " + "{:.4f} {:.4f} {:.1f}".format(*runs[-1]), flush=True)
        before, after = np.array(runs).reshape(options.seeds, 2, 3).transpose(1, 0, 2)
        half = stats.t.ppf(0.975, options.seeds - 1) * (after - before).std(axis=0, ddof=1) / options.seeds**0.5
        for name, old, new, width in zip(("macro-F1", "log loss", "CPU s"), before.T, after.T, half, strict=True):
            difference = (new - old).mean()
            print(f"{method}: {name} {old.mean():.3f}, {new.mean():.3f}; {difference:+.3f} +- {width:.3f}", flush=True)


def scores(method: str, variant: str, train: MultimodalData, test: MultimodalData, seed: int) -> tuple[float, ...]:
    """Return macro-F1, log loss, and the CPU time of the fit in seconds."""
    vectors: Any = importlib.import_module("redcore.preprocessing._vectors")
    vectors.WINDOWS = 0 if variant == "moments" else WINDOWS
    settings = {**NETWORKS[method], "encoder": variant} if method in NETWORKS else {}
    start = time.process_time()
    model = make_method(method, settings=settings).fit(train, seed=seed)
    seconds = time.process_time() - start
    pooled = evaluate_patterns(model.predict, test, seed, decide=model.decide).pooled
    return float(pooled["macro_f1"] or 0), float(pooled["nll"] or 0), seconds


if __name__ == "__main__":
    main()
