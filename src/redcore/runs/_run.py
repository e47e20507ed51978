"""Runs as objects: prepare, fit, evaluate, save, load and predict."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa

from redcore._files import locked
from redcore._types import IntArray
from redcore.data import MultimodalData, TargetKind
from redcore.data.formats import Expected
from redcore.exceptions import DataWarning, RunError, SettingsError
from redcore.export import load_model
from redcore.fitting import Callback, process_count
from redcore.inspection import leak_messages
from redcore.methods import Method
from redcore.metrics import PatternReport
from redcore.runs._fitting import evaluate_method, make_requested
from redcore.runs._fold_scores import CrossValidation
from redcore.runs._folder import finish_run, open_run, release_run, run_record, write_folds
from redcore.runs._predictions import prediction_table
from redcore.runs._prepare import Prepared, check_folds, prepare
from redcore.runs._request import Request, RunOptions
from redcore.runs._result import RunResult, read_held_out, read_history, read_metrics, read_result, read_run
from redcore.runs._selection import SelectionWeighting
from redcore.runs._sources import read_data, read_for_model, reader_of
from redcore.runs._streaming import predict_stream
from redcore.runs._threshold import ThresholdRule

__all__ = ["Run", "fit_run"]


@dataclass(frozen=True, eq=False)
class Run:
    """Run of a method on a data set: its request, its samples and the fitted method.

    A run is not modified in place: `fit` and `save` return a new run. Runs are made by `prepare`, `load` and `fit_run`.

    Attributes
    ----------
    request : Request
    prepared : Prepared or None
        Samples by split; None for a loaded run.
    fitted : Method or None
        None before `fit` and for a loaded run. See `method`.
    seconds : float
        Duration of the fit.
    folder : Path or None
        Folder of a saved run.
    cross_validation : CrossValidation or None
        Scores of the folds of a request with `cv`. The method of the run is fitted to all samples.
    """

    request: Request
    prepared: Prepared | None = None
    fitted: Method | None = None
    seconds: float = 0.0
    folder: Path | None = None
    cross_validation: CrossValidation | None = None

    @classmethod
    def prepare(cls, data: MultimodalData, request: Request) -> Self:
        """Check the request, split the samples and hide modalities; see `redcore.runs.prepare`.

        Warns
        -----
        DataWarning
            If a single feature predicts the target of the training split; see `redcore.inspection.target_leaks`.
        """
        _check_threshold(request, data)
        if request.cv is not None:
            check_folds(data, request.cv)
        make_requested(request)
        prepared = prepare(data, request)
        train = prepared.samples("train")
        for message in [] if train is None else leak_messages(train):
            warnings.warn(DataWarning(message), stacklevel=2)
        return cls(request, prepared)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a finished run. The model is loaded on first use.

        Raises
        ------
        RunError
            If the folder holds no finished run.
        """
        folder = Path(folder)
        record = read_run(folder)
        return cls(
            Request.parse(record["request"]),
            seconds=record["fit_seconds"],
            folder=folder,
            cross_validation=CrossValidation.read(folder),
        )

    def fit(self, callbacks: Sequence[Callback] = (), checkpoint: Path | None = None) -> Self:
        """Return the run with a method fitted to its training split; see `Method.fit`."""
        prepared, method = self._prepared, make_requested(self.request)
        train, validation = prepared.samples("train"), prepared.samples("validation")
        assert train is not None
        start = time.perf_counter()
        method.fit(train, validation, seed=self.request.seed, callbacks=callbacks, checkpoint=checkpoint)
        if self.request.threshold is not None:
            ThresholdRule.parse(self.request.threshold).apply(method, validation)
        return replace(self, fitted=method, seconds=time.perf_counter() - start)

    def cross_validate(
        self,
        folder: Path | None = None,
        fit_fold: Callable[["Run", int, Path | None], "Run"] | None = None,
    ) -> Self:
        """Fit and score the folds of the request, and return the run with their scores; without `cv`, return the run.

        Parameters
        ----------
        folder : Path, optional
            Run folder, to which the scores are written after each fold. Folds that it contains are not fitted again.
        fit_fold : callable, optional
            Function that fits the run of a fold, with its number from 1 and the path of its checkpoint. Default: `fit`.

        Raises
        ------
        SettingsError
            If torchrun has started several processes.
        """
        if self.request.cv is None:
            return self
        if process_count() > 1:
            raise SettingsError(f"cv: expected one process, got {process_count()} processes of torchrun")
        fit_fold = fit_fold or (lambda fold, number, checkpoint: fold.fit(checkpoint=checkpoint))
        scores = (None if folder is None else CrossValidation.read(folder)) or CrossValidation(self.request.cv)
        for number in range(len(scores.folds) + 1, self.request.cv + 1):
            fold = Run(self.request, prepare(self._prepared.source, self.request, fold=number))
            checkpoint = None if folder is None else folder / f"fold-{number}-checkpoint.safetensors"
            fitted = fit_fold(fold, number, checkpoint)
            facts = {name: fitted.record[name] for name in ("n_samples", "fit_seconds", "threshold")}
            scores = replace(scores, folds=(*scores.folds, {**facts, "metrics": fitted.metrics}))
            if folder is not None:
                write_folds(folder, scores)
        return replace(self, cross_validation=scores)

    @cached_property
    def method(self) -> Method:
        """Fitted method."""
        if self.fitted is not None:
            return self.fitted
        if self.folder is None:
            raise RunError("the run is not fitted: call fit first")
        return load_model(self.folder)

    @cached_property
    def record(self) -> dict[str, Any]:
        """Content of ``run.json``."""
        if self.folder is not None:
            return read_run(self.folder)
        return run_record(self.request, self._prepared, self.method, self.seconds)

    @cached_property
    def metrics(self) -> dict[str, Any] | None:
        """Scores on the test split, as in ``metrics.json``; None without a test split."""
        if self.report is not None:
            return self.report.to_dict()
        return None if self.folder is None else read_metrics(self.folder)

    @cached_property
    def report(self) -> PatternReport | None:
        """Scores on the test split; None without a test split and for a loaded run."""
        test = None if self.prepared is None else self.prepared.samples("test")
        return None if test is None else self.evaluate(test, "all")

    @cached_property
    def history(self) -> dict[str, Any]:
        """Columns of the training history by name, one entry per step; empty if the method has no history."""
        if self.folder is not None:
            return read_history(self.folder)
        return {name: np.array(column) for name, column in self.method.history.steps.items()}

    @cached_property
    def result(self) -> RunResult:
        """Scores, history and configuration, for statistics and pages."""
        if self.folder is not None:
            return read_result(self.folder)
        history = self.method.history
        steps, epochs = (
            {name: list(column) for name, column in columns.items()} for columns in (history.steps, history.epochs)
        )
        return RunResult(
            "run",
            self.request,
            self.record,
            self.metrics or {},
            steps,
            epochs,
            self.method.settings.dump(),
            self.cross_validation,
        )

    @cached_property
    def held_out(self) -> IntArray:
        """Row numbers of the test split."""
        if self.prepared is not None:
            return np.flatnonzero(self.prepared.split == 2)
        assert self.folder is not None
        return read_held_out(self.folder)

    def read(
        self, source: str | Path, needs_target: bool = True, options: Mapping[str, Any] | None = None
    ) -> MultimodalData:
        """Read a data set or file for the method of this run.

        The file is read with the options of the training data, unless options are stored next to it. The target gets
        kind and classes of the method.

        Parameters
        ----------
        source : str or Path
        needs_target : bool
            If False, labels may be absent.
        options : mapping, optional
            Options of the reader that replace those of the training data.
        """
        reader = self.request.reader or {}
        trained, data_format = reader.get("options", {}), reader.get("format")
        expected = Expected(self.method.schema, needs_target, data_format, trained, options or {})
        return read_for_model(str(source), expected)

    def rows_to_score(
        self, data: MultimodalData, rows: Literal["auto", "test", "all"] = "auto"
    ) -> tuple[MultimodalData, str]:
        """Return the samples of `data` to score and a description of them.

        Parameters
        ----------
        data : MultimodalData
        rows : {"auto", "test", "all"}
            "auto": if `data` is the data of the run, the test split of the run; else the test split of `data`, or all
            samples if it has none. "test": as "auto", but raises instead of returning all samples. "all": all samples.

        Raises
        ------
        RunError
            If there are no such samples.
        """
        if rows == "all":
            return data, "all samples"
        if data.checksum() == self.request.data_checksum:
            if not self.held_out.size:
                folds = "" if self.cross_validation is None else " (cross_validation.json has the scores of its folds)"
                raise RunError(
                    f"{self._name}: was trained on all samples of this data{folds}; use other data, or --rows all"
                )
            return data.take(self.held_out), "the test split of the run"
        if data.split is not None and (data.split == 2).any():
            return data.part("test"), "the test split of the data"
        if rows == "test":
            raise RunError("the data has no test split; use --rows all")
        return data, "all samples"

    def evaluate(
        self, data: MultimodalData, rows: Literal["auto", "test", "all"] = "auto", weighted: bool = False
    ) -> PatternReport:
        """Score the method under every missing pattern; see `rows_to_score` for the samples.

        If `weighted`, the report also has scores with inverse probability weights, which correct for missingness that
        depends on the target or on complete modalities; see `redcore.metrics.inverse_probability_weights`.

        Raises
        ------
        TargetError
            If `weighted`, and the target is no class and no single continuous value.
        """
        samples, _ = self.rows_to_score(data, rows)
        weighting = (
            SelectionWeighting(self.method.completed(self.method.schema.align(samples)), self.request.seed)
            if weighted
            else None
        )
        collect = None if weighting is None else weighting.add
        report = evaluate_method(self.method, samples, self.request.seed, collect=collect, detailed=True)
        return report if weighting is None else replace(report, weighted=weighting.scores)

    def predict(self, source: MultimodalData | str | Path) -> pa.Table:
        """Return predictions for data, or for the data set or file of that name: one row per sample.

        See `prediction_table` for the columns.
        """
        data = source if isinstance(source, MultimodalData) else self.read(source, needs_target=False)
        return prediction_table(self.method, data)

    def predict_stream(
        self, source: str | Path, out: str | Path, threshold: float | None = None
    ) -> tuple[int, list[str]]:
        """Write predictions for a data source of any size to a file; see `redcore.runs.predict_stream`.

        Raises
        ------
        RunError
            If the run is not saved, or `out` cannot be written.
        """
        if self.folder is None:
            raise RunError("the run is not saved: call save first")
        return predict_stream(self.folder, str(source), Path(out), threshold)

    def save(self, folder: str | Path) -> Self:
        """Write all files of the run, ``run.json`` last, and return the run with its folder.

        Raises
        ------
        RunError
            If the folder holds a finished run, a run with another request, or other files.
        """
        folder = Path(folder)
        method, prepared = self.method, self._prepared
        open_run(folder, self.request, resume=True)
        finish_run(folder, self.request, prepared, method, self.seconds, self.report, self.cross_validation)
        saved = replace(self, folder=folder)
        # keeps the scores, so that the saved run does not compute them again
        saved.__dict__["report"] = self.report
        return saved

    @property
    def _prepared(self) -> Prepared:
        if self.prepared is None:
            raise RunError(
                f"{self._name}: was loaded from a folder and has no samples, so that it cannot be fitted or saved"
            )
        return self.prepared

    @property
    def _name(self) -> str:
        return "the run" if self.folder is None else str(self.folder)


def _check_threshold(request: Request, data: MultimodalData) -> None:
    """Reject a threshold that cannot be parsed or that the target does not support, before anything is fitted."""
    if request.threshold is None:
        return
    ThresholdRule.parse(request.threshold)
    if data.target is not None and data.target.kind is not TargetKind.BINARY:
        raise SettingsError(f"threshold: expected a target with two classes, got {data.target.kind}")


def fit_run(
    data: MultimodalData | str | Path,
    out: str | Path | None = None,
    *,
    options: RunOptions | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> Run:
    """Fit a method and score it on held-out samples, as ``redcore fit`` does; with `out`, write a run folder.

    Parameters
    ----------
    data : MultimodalData, str or Path
        Data in memory, or a data set or file that ``redcore fit`` accepts.
    out : str or Path, optional
        Run folder to create. It gets the files of ``redcore fit`` except for the pages, which
        `redcore.report.write_run_report` adds.
    options : RunOptions, optional
        Options of the run. Default: the defaults of ``redcore fit``.
    resume : bool, default False
        If True, an unfinished run in `out` is resumed.
    callbacks : sequence of Callback
    **changes
        Fields of `RunOptions`, such as ``method="late_fusion"``, that replace those of `options`.

    Raises
    ------
    UnknownNameError
        If a field of `RunOptions`, a method, a preset or a modality does not exist.
    SettingsError
        If an option has the wrong type or is out of bounds.
    RunError
        If `out` cannot be used (see `Run.save`) or is in use by another process.

    Examples
    --------
    >>> from redcore import fit_run, load_dataset
    >>> run = fit_run(load_dataset("wine"), method="late_fusion")
    >>> run.metrics["pooled"]["accuracy"] > 0.5
    True
    """
    name = "in memory" if isinstance(data, MultimodalData) else str(data)
    source = data if isinstance(data, MultimodalData) else read_data(name)
    reader = None if isinstance(data, MultimodalData) else reader_of(name)
    request = (options or RunOptions()).replace(**changes).request(source, name, reader)
    run = Run.prepare(source, request)
    if out is None:
        return run.cross_validate().fit(callbacks)
    with locked(Path(out)):
        open_run(Path(out), request, resume)
        try:
            run = run.cross_validate(Path(out)).fit(callbacks, Path(out) / "checkpoint.safetensors")
        except Exception:
            release_run(Path(out))
            raise
        return run.save(out)
