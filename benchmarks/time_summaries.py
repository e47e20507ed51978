"""Compare summaries of sequences with and without windows: scores and CPU time of methods without a network.

    python benchmarks/time_summaries.py ../shared/data/utd_mhad.npz
    python benchmarks/time_summaries.py simulated

`simulated` has noisy oscillations of 2,000 steps whose class is the frequency, so that the order in time says nothing.
"""

import argparse
import importlib
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from redcore.data import MultimodalData, Target
from redcore.data.formats import read
from redcore.methods import make_method
from redcore.metrics import evaluate_patterns
from redcore.missing import ampute
from redcore.nn import WINDOWS

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
    parser.add_argument("--methods", default="stack,late_fusion,indicator_linear")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    data = simulated() if options.data == "simulated" else read(Path(options.data))
    vectors: Any = importlib.import_module("redcore.preprocessing._vectors")
    windows, rates = WINDOWS, dict.fromkeys(data.names, 0.3)
    for seed in range(options.seeds):
        train = ampute(data.part("train"), "bernoulli", rates, np.random.default_rng(seed))
        for method in options.methods.split(","):
            for count in (0, windows):
                vectors.WINDOWS = count
                start = time.process_time()
                model = make_method(method).fit(train, seed=seed)
                seconds = time.process_time() - start
                pooled = evaluate_patterns(model.predict, data.part("test"), seed, decide=model.decide).pooled
                print(
                    f"{method}, seed {seed}, {count} windows: macro-F1 {pooled['macro_f1']:.4f}, "
                    f"log loss {pooled['nll']:.4f}, {seconds:.1f} CPU s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
