"""Time and memory on wide tables and with many modalities.

    python benchmarks/wide.py                                  # join and fit 20,000 features of 500 samples
    python benchmarks/wide.py --scaling [--methods stack ...]  # fits over numbers of features and of modalities

The table has features in rows, as tables of gene expression do. Each step and each size runs in its own process.
`--scaling` fits 500 samples with 3 modalities of 2,000, 6,000 and 20,000 features, and 2,000 samples with 5, 10, 20 and
40 modalities of 50 features. It prints CPU seconds of one thread, the memory that the fit adds to that of the data, and
the exponent of the power law that least squares fits to the sizes.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from redcore.data import MultimodalData, Target

STEPS = {
    "join": ["join", "--modality", "rna=rna.csv", "--modality", "blood=blood.csv", "--target", "labels.csv:outcome",
             "--id", "patient_id", "--transpose", "rna", "--out", "cohort"],
    "fit late_fusion": ["fit", "cohort", "--out", "late_fusion", "--method", "late_fusion"],
    "fit stacked": ["fit", "cohort", "--out", "stacked", "--method", "stacked"],
}  # fmt: skip
RUN = "import resource, sys; from redcore.cli import main; status = main(sys.argv[1:]); " \
      "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(status)"  # fmt: skip


FIT = """
import resource, sys, time
import torch
from wide import draw
from redcore.methods import make_method

torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
method, *size = sys.argv[1:]
model, small = make_method(method), make_method(method)
small.fit(draw(60, 2, 5))  # imports
data = draw(*map(int, size))
before, start = peak(), time.process_time()
model.fit(data)
print(time.process_time() - start, peak() - before)
"""
WIDE = {features: (500, 3, features) for features in (2_000, 6_000, 20_000)}
MANY = {modalities: (2_000, modalities, 50) for modalities in (5, 10, 20, 40)}


def draw(n_samples: int, n_modalities: int, n_features: int) -> MultimodalData:
    """Return samples of four classes; 20% of the modalities are missing, but no sample lacks all."""
    rng = np.random.default_rng(0)
    codes = np.arange(n_samples) % 4
    means = rng.normal(size=(4, 5))
    missing = rng.random((n_samples, n_modalities)) < 0.2
    missing[np.arange(n_samples), rng.integers(0, n_modalities, n_samples)] = False
    modalities = {}
    for index in range(n_modalities):
        factors = means[codes] + 1.5 * rng.normal(size=(n_samples, 5))
        values = factors @ rng.normal(size=(5, n_features)) + 4 * rng.normal(size=(n_samples, n_features))
        values[missing[:, index]] = np.nan
        modalities[f"m{index:02d}"] = values.astype(np.float32)
    return MultimodalData.from_arrays(modalities, Target.from_labels(codes))


def print_scaling(methods: list[str]) -> None:
    """Print cost and exponents of the fits of several sizes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for method in methods:
        for name, sizes in (("features", WIDE), ("modalities", MANY)):
            costs = []
            for count, size in sizes.items():
                command = [sys.executable, "-c", FIT, method, *map(str, size)]
                run = subprocess.run(
                    command, cwd=Path(__file__).parent, check=True, capture_output=True, text=True, env=environment
                )
                costs.append([float(value) for value in run.stdout.split()])
                print(f"{method:<12} {count:6d} {name:<10} {costs[-1][0]:7.2f} s {costs[-1][1]:7.0f} MiB", flush=True)
            powers = np.polyfit(np.log(list(sizes)), np.log(np.clip(costs, 1e-3, None)), 1)[0]
            print(f"{method:<12} power of {name}: time {powers[0]:.2f}, memory {powers[1]:.2f}", flush=True)


def write_tables(folder: Path, n_samples: int, n_features: int) -> None:
    """Write the tables; 10% of the samples have no expression profile, and 20% no blood test."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n_samples)
    ids = [f"P{sample:04d}" for sample in range(n_samples)]
    rna = rng.lognormal(2, 1, (n_features, n_samples)).round(3)
    rna[:50] += 6 * labels
    chosen = np.flatnonzero(rng.random(n_samples) >= 0.1)
    with (folder / "rna.csv").open("w") as stream:
        stream.write(",".join(["gene", *(ids[sample] for sample in chosen)]) + "\n")
        for gene, row in enumerate(rna[:, chosen]):
            stream.write(f"g{gene}," + ",".join(map(str, row.tolist())) + "\n")
    blood = rng.normal(size=(n_samples, 15)) + labels[:, None] / 2
    lines = [",".join(["patient_id", *(f"b{column}" for column in range(15))])]
    lines += [",".join([ids[row], *map(str, blood[row].tolist())]) for row in range(n_samples) if rng.random() >= 0.2]
    (folder / "blood.csv").write_text("\n".join(lines) + "\n")
    outcomes = "".join(f"{name},{'ill' if label else 'well'}\n" for name, label in zip(ids, labels, strict=True))
    (folder / "labels.csv").write_text(f"patient_id,outcome\n{outcomes}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--features", type=int, default=20_000)
    parser.add_argument("--scaling", action="store_true", help="time fits over numbers of features and modalities")
    parser.add_argument("--methods", nargs="+", default=["late_fusion", "stack"], help="methods of --scaling")
    arguments = parser.parse_args()
    if arguments.scaling:
        print_scaling(arguments.methods)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, arguments.samples, arguments.features)
        print(f"rna.csv: {(folder / 'rna.csv').stat().st_size / 1e6:.0f} MB")
        for step, command in STEPS.items():
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            run = subprocess.run(
                [sys.executable, "-c", RUN, *command], cwd=folder, check=True, capture_output=True, text=True
            )
            seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            peak = int(run.stdout.split()[-1]) / 2**20
            scores = [line for line in run.stdout.splitlines() if "all patterns pooled" in line]
            print(
                f"{step:<16} {seconds:6.1f} s ({cpu:.1f} s of processor time), peak {peak:.2f} GiB", *scores, flush=True
            )


if __name__ == "__main__":
    main()
