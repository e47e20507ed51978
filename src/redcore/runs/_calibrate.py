"""Recalibration of a finished run on new labelled data, without a new fit."""

import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from redcore._files import locked, write_atomic, write_json, writing
from redcore._types import AnyArray
from redcore.data import MultimodalData, require_single_target
from redcore.exceptions import DataError, RunError, TargetError
from redcore.export import load_calibration, load_reference, model_card, read_model_content, save_model
from redcore.methods import Method
from redcore.metrics import all_scores
from redcore.monitoring import labelled_periods
from redcore.runs._file_names import CARD, HISTORY, RECORD, REQUEST, SAMPLES, SETTINGS, VALIDATION
from redcore.runs._run import Run
from redcore.uncertainty import Calibration, fit_temperature

__all__ = ["Recalibration", "calibrate_run"]

MIN_SAMPLES = 30
"""Smallest number of samples to calibrate with."""

KEPT = (SETTINGS, SAMPLES, HISTORY, VALIDATION, "supervision.png")
"""Files of a run that a recalibration does not change. ``run.json`` is written last."""


@dataclass(frozen=True)
class Recalibration:
    """Result of `calibrate_run`.

    Attributes
    ----------
    data : str
        Data and its samples that were used.
    n_samples : int
    temperature : float or None
        Of the new run; None in regression.
    before, after : dict of str to float or None
        Scores of the samples; see `redcore.metrics.all_scores`.
    coverage_before : float or None
        Coverage of the intervals with nominal coverage 0.9 on these samples, before the recalibration; None if the run
        had no calibration.
    """

    data: str
    n_samples: int
    temperature: float | None
    before: dict[str, float | None]
    after: dict[str, float | None]
    coverage_before: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as a dict for JSON."""
        return asdict(self)


def calibrate_run(folder: Path, source: str, out: Path, rows: Literal["auto", "test", "all"] = "auto") -> Recalibration:
    """Write a run with the model of another run, calibrated on labelled data.

    Probabilities get a temperature, and prediction intervals and sets get new conformal scores. The run in `folder` is
    not modified.

    Parameters
    ----------
    folder : Path
        Finished run.
    source : str
        Data set, file or store with labels.
    out : Path
        Folder of the new run; must not exist.
    rows : {"auto", "test", "all"}
        Samples to use; see `Run.rows_to_score`.

    Raises
    ------
    RunError
        If `out` exists or cannot be written, or `folder` holds no finished run.
    DataError
        If there are fewer than 30 samples.
    TargetError
        If the target is survival.
    """
    run = Run.load(folder)
    method = run.method
    if out.exists():
        raise RunError(f"{out}: exists; choose another --out")
    require_single_target(method.schema.target_kind, "calibrate")
    if method.schema.target_kind.is_survival:
        raise TargetError("calibrate supports classification, multi-label and regression targets, got survival")
    data, description = run.rows_to_score(run.read(source), rows)
    if data.n_samples < MIN_SAMPLES:
        raise DataError(f"{source}: expected at least {MIN_SAMPLES} labelled samples, got {data.n_samples}")
    data = method.schema.align(data)
    outputs = method.predict(data)
    result = _recalibrated(method, data, outputs, load_calibration(folder), f"{source}, {description}")
    with locked(out):
        if out.exists():
            raise RunError(f"{out}: exists; choose another --out")
        try:
            _write(run, method, data, out, result)
        except Exception:
            shutil.rmtree(out, ignore_errors=True)
            raise
    return result


def _recalibrated(
    method: Method, data: MultimodalData, outputs: AnyArray, old: Calibration | None, description: str
) -> Recalibration:
    """Set the temperature of the method and return the scores before and after."""
    target, kind = data.target, method.schema.target_kind
    assert target is not None
    [before] = labelled_periods(method, data, outputs, old)
    if not kind.is_regression:
        threshold, old_temperature = method.threshold, method.temperature
        method.temperature = 1.0
        fitted = method.predict(data)
        method.temperature = fit_temperature(fitted, target)
        if threshold is not None:
            method.set_threshold(_rescaled(threshold, old_temperature / method.temperature))
        outputs = method.predict(data)
    after = all_scores(target, outputs, None, method.decide)
    temperature = None if kind.is_regression else method.temperature
    return Recalibration(description, data.n_samples, temperature, before.scores, after, before.coverage)


def _rescaled(threshold: float, factor: float) -> float:
    """Return the threshold on probabilities whose logits are multiplied by `factor`; the decisions stay the same."""
    if threshold in (0.0, 1.0):
        return threshold
    return 1 / (1 + math.exp(-factor * math.log(threshold / (1 - threshold))))


def _write(run: Run, method: Method, data: MultimodalData, out: Path, result: Recalibration) -> None:
    assert run.folder is not None
    with writing(out):
        out.mkdir(parents=True)
        for name in KEPT:
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, out / name)
    write_json(out / REQUEST, run.request.dump())
    calibration = None
    if not method.schema.target_kind.is_multilabel:
        calibration = Calibration.fit(method, data, run.request.seed)
    old = {name: value for name, value in read_model_content(run.folder)["record"].items() if name != "reference"}
    record = {**old, "recalibration": result.to_dict()}
    save_model(method, out / "model", record=record, calibration=calibration, reference=load_reference(run.folder))
    card = model_card(out)
    write_atomic(out / CARD, lambda path: path.write_text(card, encoding="utf-8"))
    write_json(out / RECORD, {**run.record, "threshold": method.threshold, "recalibration": result.to_dict()})
