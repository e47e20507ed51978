"""The request of a run, its rows, and the files of its folder."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from redcore import _defaults
from redcore._files import read_json, write_atomic, write_json
from redcore._settings import Settings
from redcore._types import AnyArray, BoolArray, IntArray
from redcore._version import __version__
from redcore.data import SPLITS, MultimodalData, hold_out
from redcore.exceptions import DataError, RedCoreError, RunError
from redcore.export import model_card, save_model
from redcore.methods import Method, make_method, method_name
from redcore.metrics import PatternReport
from redcore.missing import ampute_parts
from redcore.runs._facts import facts_of_fit
from redcore.runs._predictions import prediction_table
from redcore.uncertainty import Calibration

__all__ = [
    "Prepared",
    "Request",
    "finish_run",
    "make_requested",
    "open_request",
    "open_run",
    "parts_of",
    "prepare",
    "read_held_out",
    "read_history",
    "read_run",
    "run_record",
]

VERSIONS = ("torch", "lightning-fabric", "numpy", "scikit-learn")


class Request(Settings):
    """What a run was asked for; kept as ``request.json``."""

    data: str
    data_checksum: str
    method: str = _defaults.METHOD
    preset: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    protocol: str = _defaults.PROTOCOL
    missing_rates: dict[str, float] = Field(default_factory=dict)
    protocol_options: dict[str, str] = Field(default_factory=dict)
    allow_empty: bool = False
    test_fraction: float = _defaults.TEST_FRACTION
    seed: int = _defaults.SEED

    @model_validator(mode="before")
    @classmethod
    def _named_method(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in the method of the preset, or the default."""
        return {**values, "method": method_name(values.get("method"), values.get("preset"))}


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data ready to fit: what the protocol hides is gone from training and validation rows.

    Attributes
    ----------
    data : MultimodalData
    part : int array (n_samples,)
        0 training, 1 validation, 2 test.
    """

    data: MultimodalData
    part: IntArray

    def rows(self, part: str) -> MultimodalData | None:
        """Return the samples of a part; None if there are none."""
        rows = np.flatnonzero(self.part == SPLITS.index(part))
        return self.data.take(rows) if rows.size else None


def prepare(data: MultimodalData, request: Request) -> Prepared:
    """Assign rows to training, validation and test, then hide modalities in the first two.

    The data's own test rows are taken where it has some; else `test_fraction` of the samples (or groups) are held out.
    The test part keeps what it observes: it is scored under every missing pattern.
    """
    part = parts_of(data, request)
    rng = np.random.default_rng(request.seed)
    hidden = ampute_parts(
        data,
        part,
        request.protocol,
        dict.fromkeys((0, 1), request.missing_rates),
        dict.fromkeys((0, 1), rng),
        options=request.protocol_options,
        at_least_one=not request.allow_empty,
    )
    return Prepared(hidden, part)


def parts_of(data: MultimodalData, request: Request) -> IntArray:
    """Return 0 for rows to train on, 1 for validation and 2 for the test; see `prepare`."""
    part = np.zeros(data.n_samples, dtype=np.int64) if data.split is None else data.split.copy()
    if not (part == 2).any():
        train = np.flatnonzero(part == 0)
        if train.size:
            _, held_out = hold_out(data.take(train), request.test_fraction, request.seed)
            part[train[held_out]] = 2
    if not (part == 0).any():
        raise DataError("no sample is left for training: the data's split has none with 0")
    return part


def open_run(folder: Path, request: Request, resume: bool) -> None:
    """Make the run folder, or check that an unfinished one belongs to the same request.

    Raises
    ------
    RunError
        If the folder holds a finished run, an unfinished one without `resume`, another request, or other files.
    """
    if (folder / "run.json").exists():
        raise RunError(f"{folder}: holds a finished run; choose another --out")
    if not (folder / "request.json").exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder}: exists and is no run; choose another --out")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be made ({error.strerror})") from None
        write_json(folder / "request.json", request.dump())
        return
    if not resume:
        raise RunError(f"{folder}: holds an unfinished run; add --resume to go on with it, or choose another --out")
    _check_same_request(folder, request.dump())


def open_request(folder: Path, asked: dict[str, Any]) -> None:
    """Write what is asked to a folder that may go on, or check that it was asked for the same before."""
    if (folder / "request.json").exists():
        _check_same_request(folder, asked)
    else:
        write_json(folder / "request.json", asked)


def _check_same_request(folder: Path, asked: dict[str, Any]) -> None:
    kept = read_json(folder / "request.json")
    differing = [key for key in asked if asked[key] != kept.get(key)]
    if differing:
        raise RunError(
            f"{folder}: the unfinished run was asked for something else: "
            + ", ".join(f"{key} was {kept.get(key)!r}, now {asked[key]!r}" for key in differing)
        )


def make_requested(request: Request) -> Method:
    """Make the method of a request."""
    return make_method(request.method, request.preset, request.settings)


def finish_run(
    folder: Path, request: Request, prepared: Prepared, method: Method, seconds: float, report: PatternReport | None
) -> None:
    """Write everything, `report` of the test part too; ``run.json``, written last, marks the run as finished."""
    write_json(folder / "settings.json", {"method": request.method, "settings": method.settings.dump()})
    _write_samples(folder / "samples.parquet", prepared)
    _write_history(folder, method)
    test = prepared.rows("test")
    if test is not None and report is not None:
        write_json(folder / "metrics.json", {"part": "test", **report.to_dict()})
        table = prediction_table(method, test)
        write_atomic(folder / "predictions.parquet", lambda path: pq.write_table(table, path))
    record = run_record(request, prepared, method, seconds)
    calibration = None
    if test is not None and method.schema.target_kind.is_regression:
        calibration = Calibration.fit(method, test, request.seed)
    save_model(method, folder / "model", record=_of_model(record, report), calibration=calibration)
    card = model_card(folder)
    write_atomic(folder / "model_card.md", lambda path: path.write_text(card, encoding="utf-8"))
    write_json(folder / "run.json", record)
    # also the halves that killed writers left
    for checkpoint in folder.glob("*checkpoint*.safetensors"):
        checkpoint.unlink()


def run_record(request: Request, prepared: Prepared, method: Method, seconds: float) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    facts = facts_of_fit(method)
    hidden = {part: data.missing_rates for part in SPLITS if (data := prepared.rows(part)) is not None}
    return {
        "schema_version": 1,
        "request": request.dump(),
        "n_samples": {part: int((prepared.part == index).sum()) for index, part in enumerate(SPLITS)},
        "realised_missing_rates": hidden,
        "supervision_weights": facts["weights"],
        "relative_advantage": facts["relative_advantage"],
        "best_epoch": facts["best_epoch"],
        "n_steps": facts["n_steps"],
        "fit_seconds": round(seconds, 3),
        "versions": {
            "redcore": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in VERSIONS},
        },
    }


def _of_model(record: Mapping[str, Any], report: PatternReport | None) -> dict[str, Any]:
    """Return what a run tells the readers of its model file."""
    return {
        "data": Path(record["request"]["data"]).name,
        "n_samples": record["n_samples"],
        "missing_rates": record["realised_missing_rates"],
        "metrics": None if report is None else report.to_dict(),
    }


def _write_samples(path: Path, prepared: Prepared) -> None:
    """Write which sample went where and what it observes: the availability, once and for ever."""
    observed: BoolArray = prepared.data.availability
    columns = {
        "sample_id": pa.array(prepared.data.sample_ids),
        "part": pa.array([SPLITS[code] for code in prepared.part]),
        **{f"observed_{name}": pa.array(observed[:, k]) for k, name in enumerate(prepared.data.names)},
    }
    write_atomic(path, lambda temporary: pq.write_table(pa.table(columns), temporary))


def _write_history(folder: Path, method: Method) -> None:
    steps = {name: np.array(column) for name, column in method.history.steps.items()}
    epochs = {name: np.array(column) for name, column in method.history.epochs.items()}
    for file, columns in (("history.parquet", steps), ("validation.parquet", epochs)):
        if columns:
            _write_columns(folder / file, columns)


def _write_columns(path: Path, columns: Mapping[str, Any]) -> None:
    write_atomic(path, lambda temporary: pq.write_table(pa.table(dict(columns)), temporary))


def read_run(folder: Path) -> dict[str, Any]:
    """Read ``run.json`` of a finished run.

    Raises
    ------
    RunError
        If there is no finished run in the folder.
    """
    path = folder / "run.json"
    if not path.exists():
        state = "an unfinished run" if (folder / "request.json").exists() else "no run"
        raise RunError(f"{folder}: holds {state}; expected a folder that 'redcore fit' has finished")
    record = read_json(path)
    try:
        Request.parse(record["request"])
    except (KeyError, TypeError, RedCoreError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    return record


def read_held_out(folder: Path) -> IntArray:
    """Return the numbers of the rows that a run held out for the test.

    Raises
    ------
    RunError
        If ``samples.parquet`` is absent or damaged.
    """
    path = folder / "samples.parquet"
    try:
        part = pq.read_table(path, columns=["part"])["part"].to_numpy(zero_copy_only=False)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: absent or damaged ({type(error).__name__}: {error})") from None
    return np.flatnonzero(part == "test")


def read_history(folder: Path) -> dict[str, AnyArray]:
    """Read the columns of ``history.parquet``; nothing for methods that are not trained step by step."""
    path = folder / "history.parquet"
    if not path.exists():
        return {}
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}
