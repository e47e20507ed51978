"""Measure training from a store of a million samples: peak memory, throughput and quality of the shuffle.

    python benchmarks/scale.py [--samples 1000000] [--folder DIR]

The script first writes a store of 4 modalities with 64 features each and missing rates of 0.2, 0.5, 0.8 and 0.5. The
samples are sorted by class, which is the worst case for a block-wise shuffle. The throughput from the store is compared
with the throughput from memory. Each fit runs in a separate process, and the two kinds of fit alternate.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from redcore.fitting import Callback

RATES = {"a": 0.2, "b": 0.5, "c": 0.8, "d": 0.5}
N_FEATURES, N_CLASSES, CHUNK = 64, 10, 50_000
TIMED_STEPS, SKIPPED_STEPS = 400, 50


def write(folder: Path, n_samples: int) -> None:
    """Write a store sorted by class in chunks of `CHUNK` samples."""
    from redcore.data import MultimodalData, Target
    from redcore.data.store import StoreWriter

    rng = np.random.default_rng(0)
    centres = {name: rng.normal(size=(N_CLASSES, N_FEATURES)) for name in RATES}
    with StoreWriter(folder, title="scale benchmark") as writer:
        for start in range(0, n_samples, CHUNK):
            rows = np.arange(start, min(start + CHUNK, n_samples))
            codes = rows * N_CLASSES // n_samples
            values = {name: rng.normal(size=(len(rows), N_FEATURES)) + centres[name][codes] for name in RATES}
            observed = rng.random((len(rows), len(RATES))) >= list(RATES.values())
            target = Target.from_labels(codes, range(N_CLASSES))
            writer.append(MultimodalData.from_arrays(values, target, availability=observed, sample_ids=rows))


class Clock(Callback):
    """Callback that measures the time of all steps after the first `SKIPPED_STEPS`."""

    def __init__(self) -> None:
        self.start, self.stop = 0.0, 0.0

    def on_step(self, step: int, values: object) -> None:
        if step + 1 == SKIPPED_STEPS:
            self.start = time.perf_counter()
        self.stop = time.perf_counter()

    def should_stop(self) -> bool:
        return False


def fit(folder: str, kind: str, n_samples: int, report: str) -> None:
    """Fit for a fixed number of steps on `n_samples` random samples of a store, and write the measurements to `report`.

    If `kind` is ``"memory"``, the samples are loaded first; if it is ``"store"``, batches are read from disk.
    """
    from redcore.benchmark._memory import PeakMemory
    from redcore.data.store import Store
    from redcore.methods import make_method

    start, memory = time.perf_counter(), PeakMemory()
    store = Store(Path(folder))
    rows = np.sort(np.random.default_rng(0).permutation(store.n_samples)[:n_samples])
    data = store.data().take(rows)
    if kind == "memory":
        data = data.loaded()
    validation = data.take(np.arange(0, len(rows), max(1, len(rows) // 2000)))
    settings = {"batch_size": 256, "max_steps": TIMED_STEPS + SKIPPED_STEPS, "max_epochs": 100}
    clock = Clock()
    make_method("redcore", settings=settings).fit(data, validation, seed=0, callbacks=[clock])
    content = {
        "samples_per_s": TIMED_STEPS * 256 / (clock.stop - clock.start),
        "seconds_before_first_steps": clock.start - start,
        "peak_gib": memory.peak() / 2**30,
    }
    Path(report).write_text(json.dumps(content))


def in_process(function: Callable[..., None], *arguments: object) -> dict[str, float]:
    """Run a function in a separate process and return the JSON object that it writes to its last argument."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        process = multiprocessing.get_context("spawn").Process(target=function, args=(*arguments, report.name))
        process.start()
        process.join()
        result: dict[str, float] = json.loads(Path(report.name).read_text())
        return result


def epoch(folder: str, n_samples: int, report: str) -> None:
    """Train for one epoch on the whole store, with 1% of it as validation set, and report time and peak memory."""
    from redcore.benchmark._memory import PeakMemory
    from redcore.data.store import Store
    from redcore.methods import make_method

    data = Store(Path(folder)).data()
    validation_rows = np.arange(0, n_samples, 100)
    training_rows = np.setdiff1d(np.arange(n_samples), validation_rows)
    settings = {"batch_size": 1024, "max_epochs": 1, "max_steps": None}
    start, memory = time.perf_counter(), PeakMemory()
    model = make_method("redcore", settings=settings).fit(data.take(training_rows), data.take(validation_rows), seed=0)
    content = {
        "seconds": time.perf_counter() - start,
        "validation_loss": model.history.epochs["validation_loss"][-1],
        "peak_gib": memory.peak() / 2**30,
    }
    Path(report).write_text(json.dumps(content))


def shuffle_quality(folder: Path, window_megabytes: int) -> dict[str, float]:
    """Return statistics of the shuffle of a store that is sorted by class.

    ``chi_square_ratio`` is the mean chi-square statistic of the class counts of a batch, divided by its degrees of
    freedom. It is 1 for a uniform permutation. Without a shuffle, it is `N_CLASSES` times the batch size divided by the
    degrees of freedom. ``neighbours_kept`` is the fraction of consecutive samples that were neighbours in the store.
    """
    from redcore.data.store import Store
    from redcore.fitting import TrainingSettings
    from redcore.fitting._batch_source import StoredSource
    from redcore.fitting._plan import Plan

    data = Store(folder).data()
    settings = TrainingSettings(batch_size=256, window_megabytes=window_megabytes)
    source = StoredSource(data, data.target.values, Plan.make(settings, data.n_samples), seed=0)
    order, _ = source.order(0)
    source.close()
    labels = data.target.values[order]
    batches = labels[: len(labels) // 256 * 256].reshape(-1, 256)
    counts = np.stack([(batches == code).sum(axis=1) for code in range(N_CLASSES)], axis=1)
    expected = 256 / N_CLASSES
    ratio = ((counts - expected) ** 2 / expected).sum(axis=1) / (N_CLASSES - 1)
    neighbours = np.abs(np.diff(order)) == 1
    return {
        "windows": source.n_windows,
        "chi_square_ratio": float(ratio.mean()),
        "neighbours_kept": float(neighbours.mean()),
    }


def rounded(numbers: dict[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in numbers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as outer:
        folder = Path(outer) / "store"
        start = time.perf_counter()
        write(folder, arguments.samples)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"written: {arguments.samples} samples, {size / 1e9:.2f} GB, {time.perf_counter() - start:.0f} s")
        for megabytes in (32, 64, 128, 256, 1024):
            quality = shuffle_quality(folder, megabytes)
            print(
                f"shuffle with windows of {megabytes} MB:", {name: round(value, 4) for name, value in quality.items()}
            )
        ratios = []
        sample = min(200_000, arguments.samples)
        for _ in range(arguments.pairs):
            pair = {kind: in_process(fit, str(folder), kind, sample) for kind in ("memory", "store")}
            ratios.append(pair["store"]["samples_per_s"] / pair["memory"]["samples_per_s"])
            print({kind: {name: round(value, 2) for name, value in result.items()} for kind, result in pair.items()})
        print(
            f"throughput of store over memory, {sample} samples: median {np.median(ratios):.2f}, "
            f"{min(ratios):.2f}-{max(ratios):.2f}"
        )
        print("one epoch on all samples:", rounded(in_process(epoch, str(folder), arguments.samples), 3))


if __name__ == "__main__":
    main()
