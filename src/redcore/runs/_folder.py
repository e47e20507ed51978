"""Files of a run folder: opening a new or unfinished one, and writing a finished run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from redcore._files import read_json, write_atomic, write_json
from redcore._types import BoolArray
from redcore.data import SPLITS
from redcore.exceptions import RunError
from redcore.export import model_card, save_model, versions_with_plug_ins
from redcore.methods import Method
from redcore.metrics import PatternReport
from redcore.monitoring import Reference, make_reference
from redcore.runs._file_names import CARD, HISTORY, METRICS, PREDICTIONS, RECORD, REQUEST, SAMPLES, SETTINGS, VALIDATION
from redcore.runs._fitting import facts_of_fit
from redcore.runs._fold_scores import FILE, CrossValidation
from redcore.runs._predictions import prediction_table
from redcore.runs._prepare import Prepared
from redcore.runs._request import Request
from redcore.uncertainty import Calibration

__all__ = ["finish_run", "open_request", "open_run", "release_run", "run_record", "write_folds"]

PARTIAL_REQUEST = ".request-????????.json"
"""Temporary name of ``request.json`` while it is written; see `write_atomic`."""


def open_run(folder: Path, request: Request, resume: bool) -> None:
    """Create the run folder, or check that an unfinished run in it has the same request.

    Raises
    ------
    RunError
        If the folder holds a finished run, an unfinished run and `resume` is False, a run with another request, or
        files that are not of a run.
    """
    if (folder / RECORD).exists():
        raise RunError(f"{folder}: holds a finished run; choose another --out")
    if not (folder / REQUEST).exists():
        if folder.is_dir() and all(path.match(PARTIAL_REQUEST) for path in folder.iterdir()):
            for partial in folder.iterdir():
                partial.unlink()  # of a process that was killed while it wrote the request
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder}: exists and is not a run folder; choose another --out")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be created ({error.strerror})") from None
        write_json(folder / REQUEST, request.dump())
        return
    if not resume:
        raise RunError(f"{folder}: holds an unfinished run; add --resume to resume it, or choose another --out")
    if _has_only_request(folder):
        write_json(folder / REQUEST, request.dump())
    _check_same_request(folder, request.dump())


def write_folds(folder: Path, folds: CrossValidation) -> None:
    """Write ``cross_validation.json``."""
    write_json(folder / FILE, folds.to_dict())


def release_run(folder: Path) -> None:
    """Remove the request of a failed run, and the folder, if nothing was trained; another run can then use it."""
    if _has_only_request(folder):
        (folder / REQUEST).unlink()
        folder.rmdir()


def _has_only_request(folder: Path) -> bool:
    return folder.is_dir() and [path.name for path in folder.iterdir()] == [REQUEST]


def open_request(folder: Path, request: dict[str, Any]) -> None:
    """Write ``request.json`` to a folder, or check that the folder already holds the same request."""
    if (folder / REQUEST).exists():
        _check_same_request(folder, request)
    else:
        write_json(folder / REQUEST, request)


def _check_same_request(folder: Path, request: dict[str, Any]) -> None:
    stored = read_json(folder / REQUEST)
    differing = [key for key in request if request[key] != stored.get(key)]
    if differing:
        raise RunError(
            f"{folder}: the unfinished run has another request: "
            + ", ".join(f"{key} was {stored.get(key)!r}, now {request[key]!r}" for key in differing)
        )


def finish_run(
    folder: Path,
    request: Request,
    prepared: Prepared,
    method: Method,
    seconds: float,
    report: PatternReport | None,
    folds: CrossValidation | None = None,
) -> None:
    """Write all files of a run. ``run.json`` is written last and marks the run as finished.

    Parameters
    ----------
    folder : Path
    request : Request
    prepared : Prepared
    method : Method
        Fitted.
    seconds : float
        Duration of the fit.
    report : PatternReport or None
        Scores on the test split.
    folds : CrossValidation, optional
        Scores of the folds.
    """
    write_json(folder / SETTINGS, {"method": request.method, "settings": method.settings.dump()})
    _write_samples(folder / SAMPLES, prepared)
    _write_history(folder, method)
    test = prepared.samples("test")
    if test is not None and report is not None:
        write_json(folder / METRICS, {"part": "test", **report.to_dict()})
        table = prediction_table(method, test)
        write_atomic(folder / PREDICTIONS, lambda path: pq.write_table(table, path))
    if request.reader is not None and request.reader["format"] == "store":
        from redcore.extract import copy_recipes  # a prediction does not load it

        copy_recipes(Path(request.data), folder)
    if folds is not None:
        write_folds(folder, folds)
    record = run_record(request, prepared, method, seconds)
    calibration = None
    kind = method.schema.target_kind
    if test is not None and (kind.is_regression or kind.is_survival):
        calibration = Calibration.fit(method, test, request.seed)
    save_model(
        method,
        folder / "model",
        record=_record_of_model(record, report, folds),
        calibration=calibration,
        reference=_reference(method, prepared, request.seed),
    )
    card = model_card(folder)
    write_atomic(folder / CARD, lambda path: path.write_text(card, encoding="utf-8"))
    write_json(folder / RECORD, record)
    # includes temporary files of killed processes
    for checkpoint in folder.glob("*checkpoint*.safetensors"):
        checkpoint.unlink()


def _reference(method: Method, prepared: Prepared, seed: int) -> Reference:
    """Return the profile of the training split, with the predictions for samples that were not used in the fit."""
    train, trained = prepared.source_samples("train"), prepared.samples("train")
    held_out = prepared.source_samples("test") or prepared.source_samples("validation")
    assert train is not None
    assert trained is not None
    return make_reference(method, train, held_out, trained.missing_rates, seed)


def run_record(request: Request, prepared: Prepared, method: Method, seconds: float) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    facts = facts_of_fit(method)
    rates = {split: data.missing_rates for split in SPLITS if (data := prepared.samples(split)) is not None}
    return {
        "schema_version": 1,
        "request": request.dump(),
        "n_samples": {split: int((prepared.split == code).sum()) for code, split in enumerate(SPLITS)},
        "realised_missing_rates": rates,
        "supervision_weights": facts["weights"],
        "relative_advantage": facts["relative_advantage"],
        "best_epoch": facts["best_epoch"],
        "n_steps": facts["n_steps"],
        "threshold": method.threshold,
        "fit_seconds": round(seconds, 3),
        "versions": versions_with_plug_ins(method, request.used()),
    }


def _record_of_model(
    record: Mapping[str, Any], report: PatternReport | None, folds: CrossValidation | None
) -> dict[str, Any]:
    """Return the description of training data and scores for the model file."""
    means = {} if folds is None else {"cross_validation": {"n_folds": folds.n_folds, "means": folds.to_dict()["means"]}}
    return {
        **means,
        "data": Path(record["request"]["data"]).name,
        "reader": record["request"]["reader"],
        "n_samples": record["n_samples"],
        "missing_rates": record["realised_missing_rates"],
        "metrics": None if report is None else report.to_dict(),
    }


def _write_samples(path: Path, prepared: Prepared) -> None:
    """Write the split and the observed modalities of each sample."""
    observed: BoolArray = prepared.data.availability
    columns = {
        "sample_id": pa.array(prepared.data.sample_ids),
        "part": pa.array([SPLITS[code] for code in prepared.split]),
        **{f"observed_{name}": pa.array(observed[:, k]) for k, name in enumerate(prepared.data.names)},
    }
    write_atomic(path, lambda temporary: pq.write_table(pa.table(columns), temporary, write_page_checksum=True))


def _write_history(folder: Path, method: Method) -> None:
    steps = {name: np.array(column) for name, column in method.history.steps.items()}
    epochs = {name: np.array(column) for name, column in method.history.epochs.items()}
    for file, columns in ((HISTORY, steps), (VALIDATION, epochs)):
        if columns:
            _write_columns(folder / file, columns)


def _write_columns(path: Path, columns: Mapping[str, Any]) -> None:
    write_atomic(path, lambda temporary: pq.write_table(pa.table(dict(columns)), temporary, write_page_checksum=True))
