"""Times of two programs, measured alternately in one process."""

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CLOCK = time.process_time if "--cpu" in sys.argv else time.perf_counter


class Pairs(NamedTuple):
    """Times in seconds of RedCore and a baseline, measured alternately."""

    redcore: list[float]
    baseline: list[float]

    @property
    def ratios(self) -> list[float]:
        """Speed-up of RedCore over the baseline in each pair."""
        return [b / a for a, b in zip(self.redcore, self.baseline, strict=True)]

    @property
    def ratio(self) -> float:
        """Median speed-up of RedCore over the baseline."""
        return median(self.ratios)

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({min(self.ratios):.2f} to {max(self.ratios):.2f})"


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def seconds(function: Callable[[], object], repeats: int = 1) -> float:
    start = CLOCK()
    for _ in range(repeats):
        function()
    return (CLOCK() - start) / repeats


def pairs(redcore: Callable[[], object], baseline: Callable[[], object], n: int, repeats: int = 1) -> Pairs:
    """Time two functions `n` times each, alternately, after one warm-up run of each."""
    redcore(), baseline()
    timed = Pairs([], [])
    for _ in range(n):
        timed.redcore.append(seconds(redcore, repeats))
        timed.baseline.append(seconds(baseline, repeats))
    return timed


def machine() -> str:
    """Return processor, number of threads, load and version of torch."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    cpu = f"{os.cpu_count()} cores of {model} ({torch.backends.cpu.get_cpu_capability()})"
    load = os.getloadavg()[0]
    return f"{cpu}, torch {torch.__version__}, {torch.get_num_threads()} threads, load at the start {load:.1f}"
