"""Run one cell: read, split, hide, fit, predict once on the test part, score."""

import hashlib
import platform
import resource
import time
import warnings
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from redcore._discovery import load, names
from redcore._types import AnyArray
from redcore.benchmark._record import Record
from redcore.benchmark._spec import Cell, DataSpec
from redcore.data import MultimodalData, hold_out
from redcore.data.formats import read
from redcore.exceptions import DataError, RedCoreWarning
from redcore.methods import make_method
from redcore.metrics import evaluate_patterns
from redcore.missing import ampute, takes_rates
from redcore.training import Method

__all__ = ["run_cell"]


@lru_cache(maxsize=2)
def _read(name: str, options: str, folder: Path | None) -> MultimodalData:
    spec = DataSpec.model_validate_json(options)
    if name in names("redcore.datasets"):
        data: MultimodalData = load("redcore.datasets", name, "data set").load(**spec.options)
        return data
    path = (folder or Path()) / name
    if not path.exists():
        raise DataError(f"{path}: no such file, and no bundled data set is called {name!r}")
    return read(path)


def split(data: MultimodalData, cell: Cell) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return the rows for training, validation and test; where the data has no such parts, drawn by the seed.

    Validation rows are only those of the data's own split; methods hold out of the training rows what they need.
    """
    part = np.zeros(data.n_samples, dtype=np.int64) if data.split is None else data.split
    train, validation, test = (np.flatnonzero(part == code) for code in range(3))
    if not test.size:
        keep, held = hold_out(data.take(train), cell.test_fraction, cell.seed)
        train, test = train[keep], train[held]
    return train, validation, test


def hidden(data: MultimodalData, cell: Cell, part: str) -> MultimodalData:
    """Return a part of the data with what the protocol hides missing; the same for every method."""
    seed = [cell.seed, *hashlib.sha256(f"{cell.data.title()}/{cell.protocol.title()}/{part}".encode()).digest()[:8]]
    protocol = cell.protocol
    rates = protocol.rates_of(data.names, part)
    if not any(rates.values()) and (part == "test" or takes_rates(protocol.name)):
        return data
    return ampute(data, protocol.name, rates, np.random.default_rng(seed), options=protocol.options)


def run_cell(cell: Cell, data_folder: Path | None = None) -> tuple[Record, AnyArray]:
    """Run one cell.

    Returns
    -------
    record : Record
    outputs : array (n_test, n_outputs)
        Predictions for the test part as observed.
    """
    data = _read(cell.data.name, cell.data.model_dump_json(), data_folder)
    rows = dict(zip(("train", "validation", "test"), split(data, cell), strict=True))
    train = hidden(data.take(rows["train"]), cell, "train")
    validation = hidden(data.take(rows["validation"]), cell, "validation") if rows["validation"].size else None
    method = make_method(cell.method.name, cell.method.preset, cell.method.settings)
    with warnings.catch_warnings():
        # they concern single samples; the record says how many there are
        warnings.simplefilter("ignore", RedCoreWarning)
        start = time.perf_counter()
        method.fit(train, validation, seed=cell.seed)
        fitted = time.perf_counter()
        test = data.take(rows["test"])
        outputs = method.predict(hidden(test, cell, "test"))
        report = evaluate_patterns(method.predict, method.schema.align(test), cell.seed)
        scored = time.perf_counter()
    record = Record(
        key=cell.key(),
        cell=cell,
        status="done",
        n_samples={part: len(chosen) for part, chosen in rows.items()},
        data_checksum=data.checksum(),
        availability_checksum=hashlib.sha256(np.packbits(train.availability).tobytes()).hexdigest(),
        missing_rates=train.missing_rates,
        metrics=report.to_dict(),
        weights=getattr(method, "supervision_weight", {}),
        relative_advantage=getattr(method, "relative_advantage", {}),
        n_steps=method.history.n_steps,
        best_epoch=method.history.best_epoch,
        n_parameters=_n_parameters(method),
        seconds={"fit": fitted - start, "predict": scored - fitted},
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        settings=method.settings.dump(),
        versions={
            "python": platform.python_version(),
            **{package: version(package) for package in ("redcore", "torch", "numpy", "scikit-learn")},
        },
    )
    return record, outputs


def _n_parameters(method: Method) -> int:
    """Return how many fitted numbers the method keeps."""
    return int(sum(array.size for array in method.arrays().values()))
