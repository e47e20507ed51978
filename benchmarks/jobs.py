"""Measure the speed-up of a benchmark with several processes over one process.

    $ python benchmarks/jobs.py                       # benchmark quick, three pairs of runs
    $ python benchmarks/jobs.py --spec quick --jobs 4

The times include the start-up of the processes and the wait for the last cell. Runs with one and with several processes
alternate, so that other load on the machine affects both. Run it on an idle machine for a meaningful ratio.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(spec: str, n_jobs: int, changes: list[str]) -> float:
    """Run a complete benchmark in a temporary folder and return its duration in seconds."""
    set_options = [word for change in changes for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "redcore", "bench", "run", spec, "--out", str(Path(folder) / "out")]
        command += set_options
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
        sequential, parallel = (seconds(options.spec, n_jobs, options.set) for n_jobs in (1, options.jobs))
        ratios.append(sequential / parallel)
        print(f"1 process {sequential:.1f} s, {options.jobs} processes {parallel:.1f} s, speed-up {ratios[-1]:.2f}")
        sys.stdout.flush()
    print(f"median speed-up {statistics.median(ratios):.2f} over {options.pairs} pairs")


if __name__ == "__main__":
    main()
