"""Time and memory of `redcore join` and of two fits on wide tables with 20,000 features of 500 samples.

    python benchmarks/wide.py

The table has features in rows, as tables of gene expression do. Each step runs in its own process.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STEPS = {
    "join": ["join", "--modality", "rna=rna.csv", "--modality", "blood=blood.csv", "--target", "labels.csv:outcome",
             "--id", "patient_id", "--transpose", "rna", "--out", "cohort"],
    "fit late_fusion": ["fit", "cohort", "--out", "late_fusion", "--method", "late_fusion"],
    "fit stacked": ["fit", "cohort", "--out", "stacked", "--method", "stacked"],
}  # fmt: skip
RUN = "import resource, sys; from redcore.cli import main; status = main(sys.argv[1:]); " \
      "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(status)"  # fmt: skip


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
    arguments = parser.parse_args()
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
