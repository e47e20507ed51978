"""How much faster two processes run a benchmark than one, start-up and the wait for the last cell included.

    $ python benchmarks/jobs.py                       # quick, three pairs
    $ python benchmarks/jobs.py --spec quick --jobs 4

Runs alternate, so that other work on the machine meets both. The ratio is only that of the runner where there is none.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(spec: str, n_jobs: int, changes: list[str]) -> float:
    """Run all of a benchmark into an empty folder."""
    words = [word for change in changes for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "redcore", "bench", "run", spec, "--out", str(Path(folder) / "out"), *words]
        start = time.perf_counter()
        subprocess.run([*command, "--jobs", str(n_jobs)], check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", default="quick")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    ratios = []
    for _ in range(options.pairs):
        one, many = (seconds(options.spec, n_jobs, options.set) for n_jobs in (1, options.jobs))
        ratios.append(one / many)
        print(f"1 process {one:.1f} s, {options.jobs} processes {many:.1f} s, ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f} of {options.pairs} pairs")


if __name__ == "__main__":
    main()
