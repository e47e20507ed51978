"""Times of two programs, measured alternately in one process."""

import sys
import time
from collections.abc import Callable
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
