"""Run a benchmark cell: fit a method and score it on the test split."""

import hashlib
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from redcore._provenance import git_state, machine
from redcore._types import AnyArray
from redcore.benchmark._cell_config import Cell
from redcore.benchmark._history import Watch, thinned_history
from redcore.benchmark._memory import PeakMemory
from redcore.benchmark._record import Record
from redcore.benchmark._samples import SampleFile
from redcore.benchmark._splits import Parts, prepare
from redcore.data import SPLITS, MultimodalData
from redcore.exceptions import RedCoreWarning
from redcore.export import versions_with_plug_ins
from redcore.methods import Method, make_method
from redcore.metrics import AS_OBSERVED, SamplePredictions, all_scores, pattern_name
from redcore.runs import evaluate_method, facts_of_fit

__all__ = ["run_cell"]

MAX_PATTERNS = 64


def run_cell(cell: Cell, folder: Path, data_folder: Path | None = None) -> tuple[Record, AnyArray, SampleFile]:
    """Run a benchmark cell.

    Parameters
    ----------
    cell : Cell
    folder : Path
        Folder of the benchmark, which holds the trials of tuned methods in ``tuning/``.
    data_folder : Path, optional
        Folder of the data files. Default: the current directory.

    Returns
    -------
    record : Record
    outputs : array (n_test, n_outputs)
        Predictions for the test split after amputation.
    samples : SampleFile
        Predictions per test sample and missing pattern.
    """
    memory = PeakMemory()
    times = [_clocks()]
    parts = prepare(cell, data_folder)
    samples = SampleFile(parts.test.sample_ids if parts.test.groups is None else parts.test.groups)
    watch, extra_scores = Watch(cell.log_gradients), cell.data.extra_scores()
    with warnings.catch_warnings():
        # these concern single samples, which the record counts by missing pattern
        warnings.simplefilter("ignore", RedCoreWarning)
        times.append(_clocks())
        tuning = _tune(cell, parts, folder, data_folder)
        method = make_method(
            cell.method.name, cell.method.preset, {**cell.method.settings, **tuning.get("settings", {})}
        )
        times.append(_clocks())
        method.fit(parts.train, parts.validation, seed=cell.seed, callbacks=[watch])
        times.append(_clocks())
        outputs = method.predict(parts.hidden_test)
        report = evaluate_method(method, parts.test, cell.seed, extra_scores, samples.add)
        times.append(_clocks())
    target = method.schema.align(parts.hidden_test).target
    assert target is not None
    samples.add(AS_OBSERVED, np.arange(len(outputs)), SamplePredictions.from_outputs(target, outputs, method.decide))
    as_observed = {"n_samples": len(outputs), **all_scores(target, outputs, extra_scores, method.decide)}
    record = Record(
        key=cell.key(),
        cell=cell,
        status="done",
        **_of_data(parts),
        metrics={**report.to_dict(), "as_observed": as_observed},
        predictions=f"predictions/{cell.key()}.npy",
        **_of_fit(method),
        **_durations(times, bool(tuning)),
        tuning=tuning,
        epoch_seconds=watch.epoch_seconds,
        peak_bytes=memory.peak(),
        growth_bytes=memory.growth(),
        versions=versions_with_plug_ins(method, _used(cell)),
        git=git_state(),
        machine=machine(),
    )
    return record, outputs, samples


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _tune(cell: Cell, parts: Parts, folder: Path, data_folder: Path | None) -> dict[str, Any]:
    """Return the tuning record of a tuned method, else an empty dict."""
    if cell.tuning is None:
        return {}
    # imported here because it needs Optuna, an optional package
    from redcore.benchmark._tuning import tune

    first = cell.tuning_cell()
    return tune(first, parts.train if first == cell else prepare(first, data_folder).train, folder)


def _durations(times: list[tuple[float, float]], is_tuned: bool) -> dict[str, dict[str, float]]:
    wall, cpu = np.diff(np.array(times), axis=0).round(3).T.tolist()
    stages = ("read", "tune", "fit", "predict")
    both = {"seconds": dict(zip(stages, wall, strict=True)), "cpu_seconds": dict(zip(stages, cpu, strict=True))}
    return both if is_tuned else {name: {k: v for k, v in one.items() if k != "tune"} for name, one in both.items()}


def _used(cell: Cell) -> list[tuple[str, str]]:
    """Return package and name of the data set, the protocols and the additional scores of a cell."""
    protocols = {cell.protocol.for_split(part).name for part in SPLITS}
    return [
        ("redcore.datasets", cell.data.name),
        *(("redcore.missing", name) for name in sorted(protocols)),
        *(("redcore.metrics", name) for name in cell.data.extra_scores()),
    ]


def _of_data(parts: Parts) -> dict[str, Any]:
    observed = parts.observed()
    return {
        "split_source": parts.source,
        "n_samples": {part: data.n_samples for part, data in observed.items()},
        "data_checksum": parts.checksum,
        "split_checksum": _digest("\0".join(_ids(data) for data in observed.values()).encode()),
        "availability_checksums": {
            part: _digest(np.packbits(data.availability).tobytes()) for part, data in observed.items()
        },
        "missing_rates": {part: data.missing_rates for part, data in observed.items()},
        "pattern_counts": {part: _pattern_counts(data) for part, data in observed.items()},
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _ids(data: MultimodalData) -> str:
    return "\n".join(data.sample_ids.astype(str).tolist())


def _pattern_counts(data: MultimodalData) -> dict[str, int]:
    rows, counts = np.unique(data.availability, axis=0, return_counts=True)
    named = {
        pattern_name([name for name, is_observed in zip(data.names, row, strict=True) if is_observed])
        or "nothing": int(count)
        for row, count in zip(rows.tolist(), counts, strict=True)
    }
    return dict(Counter(named).most_common(MAX_PATTERNS))


def _of_fit(method: Method) -> dict[str, Any]:
    history, epochs = thinned_history(method.history)
    return {
        **facts_of_fit(method),
        "history": history,
        "epochs": epochs,
        "n_parameters": int(sum(array.size for array in method.arrays().values())),
        "settings": method.settings.dump(),
    }
