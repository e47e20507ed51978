"""Measure seconds and peak memory of the conversion of a large frame to `MultimodalData`.

Each row of the output is a process of its own. It creates inputs of 256 float32 columns in total, and measures the
conversion only: seconds of the clock and of the processor, and the growth of the peak of resident memory. The first
ratios are relative to one copy of the values by NumPy. "aligned" are two frames of 128 columns with text labels in the
same order. In "shuffled", the rows of the second frame have another order. In "union", each frame is without a tenth of
the samples, in another order. The last two ratios are relative to pandas, which gives both frames the union of their
labels (`Index.union`, `DataFrame.reindex`).

    python benchmarks/doors.py --rows 1000000
"""

import argparse
import ctypes
import gc
import multiprocessing
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd

from redcore import MultimodalData

N_COLUMNS = 256


def resident(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def inputs(form: str, n_rows: int):
    rng = np.random.default_rng(0)
    if form in ("copy", "array", "frame"):
        values = rng.random((n_rows, N_COLUMNS), dtype=np.float32)
        return values if form in ("copy", "array") else pd.DataFrame(values, columns=names(N_COLUMNS))
    labels = np.array([f"patient {row}" for row in range(n_rows)], dtype=object)
    frames = {}
    for name in ("a", "b"):
        rows = np.arange(n_rows)
        if form == "union":
            rows = rows[rng.random(n_rows) > 0.1]
        if name == "b" and form != "aligned":
            rows = rng.permutation(rows)
        values = rng.random((len(rows), N_COLUMNS // 2), dtype=np.float32)
        frames[name] = pd.DataFrame(values, index=labels[rows], columns=names(N_COLUMNS // 2))
    return frames


def names(n_columns: int) -> list[str]:
    return [f"c{column}" for column in range(n_columns)]


def convert(form: str, by_pandas: bool, X) -> tuple:
    if form == "copy":
        return (np.array(X),)
    if by_pandas:
        union = X["a"].index.union(X["b"].index, sort=False)
        return X["a"].reindex(union), X["b"].reindex(union)
    return (MultimodalData.from_arrays(X if isinstance(X, dict) else {"a": X}),)


def measure(form: str, by_pandas: bool, n_rows: int, results) -> None:
    X = inputs(form, n_rows)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before, start, start_cpu = resident("VmRSS"), time.perf_counter(), time.process_time()
    data = convert(form, by_pandas, X)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    results.put((seconds, cpu, resident("VmHWM") - before, len(data[0])))


def medians(form: str, by_pandas: bool, n_rows: int, n_repeats: int) -> list[float]:
    """Return seconds, processor seconds, growth of the peak memory and samples, each measured in new processes."""
    context = multiprocessing.get_context("spawn")
    runs = []
    for _ in range(n_repeats):
        results = context.SimpleQueue()
        process = context.Process(target=measure, args=(form, by_pandas, n_rows, results))
        process.start()
        runs.append(results.get())
        process.join()
    return [float(np.median(column)) for column in zip(*runs, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--forms", nargs="+", default=["array", "frame", "aligned", "shuffled", "union"])
    arguments = parser.parse_args()
    baseline: list[float] | None = None
    head = f"{'form':<10}{'samples':>10}{'seconds':>9}{'CPU s':>8}{'ratio':>7}{'peak GiB':>10}{'ratio':>7}"
    print(f"{head}{'pandas: CPU s':>15}{'ratio':>7}{'peak GiB':>10}{'ratio':>7}")
    for form in ("copy", *arguments.forms):
        seconds, cpu, peak, n_samples = own = medians(form, False, arguments.rows, arguments.repeats)
        baseline = baseline or own
        times = f"{seconds:>9.2f}{cpu:>8.2f}{cpu / baseline[1]:>7.1f}"
        line = f"{form:<10}{n_samples:>10.0f}{times}{peak / 2**30:>10.2f}{peak / baseline[2]:>7.1f}"
        if form in ("shuffled", "union"):  # pandas copies nothing if the indexes are equal
            _, other, other_peak, _ = medians(form, True, arguments.rows, arguments.repeats)
            line += f"{other:>15.2f}{cpu / other:>7.1f}{other_peak / 2**30:>10.2f}{peak / other_peak:>7.1f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
