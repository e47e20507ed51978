"""Gain of training the ensemble members of the default in lockstep: fits of the same data with and without it.

    OMP_NUM_THREADS=1 python benchmarks/lockstep.py --cpu                              # six sizes
    OMP_NUM_THREADS=1 python benchmarks/lockstep.py --cpu --size 200 4 20 4 --pairs 1  # 15 seconds

Whole fits (preprocessing, training, validation, stack) alternate. The script prints the ratio of their times, separate
over lockstep, with the smallest and the largest, and the largest difference of the predicted probabilities.
"""

import argparse

import numpy as np
import torch
from baselines import vectors
from timing import machine, pairs

from redcore.methods import Method, make_method, stacked

SIZES = (
    (200, 4, 20, 4),
    (1_000, 3, 100, 10),
    (300, 10, 50, 4),
    (2_000, 4, 100, 10),
    (2_000, 16, 30, 4),
    (10_000, 4, 100, 10),
)
"""Numbers of samples, modalities, features and classes."""


def compare(size: tuple[int, int, int, int], n_pairs: int) -> None:
    """Print times, ratio and difference of predictions for numbers of samples, modalities, features and classes."""
    data = vectors(*size)
    fitted: dict[str, Method] = {}

    def fit(name: str, largest: int) -> None:
        stacked.MAX_VALUES_AT_ONCE = largest
        fitted[name] = make_method("stacked").fit(data)

    timed = pairs(lambda: fit("lockstep", 10**12), lambda: fit("separate", 0), n_pairs)
    together, separate = (np.asarray(fitted[name].predict(data)) for name in ("lockstep", "separate"))
    print(f"{' x '.join(map(str, size))}: separate {np.median(timed.baseline):.2f} s, lockstep", end=" ")
    print(f"{np.median(timed.redcore):.2f} s, ratio {timed}; largest difference of probabilities", end=" ")
    print(f"{np.abs(together - separate).max():.0e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="measure CPU time")
    parser.add_argument(
        "--size", type=int, nargs=4, action="append", metavar=("SAMPLES", "MODALITIES", "FEATURES", "CLASSES")
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs of fits, after one fit of each that is not timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), flush=True)
    for size in arguments.size or SIZES:
        compare(tuple(size), arguments.pairs)


if __name__ == "__main__":
    main()
