"""A run as an object: prepare, fit, evaluate, save, load, predict."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa

from redcore import _defaults
from redcore._files import read_json
from redcore._types import IntArray
from redcore._validation import check_known, check_missing_rates
from redcore.data import MultimodalData
from redcore.exceptions import RunError
from redcore.export import load_model
from redcore.fitting import Callback
from redcore.methods import Method
from redcore.metrics import PatternReport, evaluate_patterns
from redcore.runs._folder import (
    Prepared,
    Request,
    finish_run,
    make_requested,
    open_run,
    prepare,
    read_held_out,
    read_history,
    read_run,
    run_record,
)
from redcore.runs._predictions import prediction_table
from redcore.runs._sources import read_data

__all__ = ["Run", "fit_run"]


@dataclass(frozen=True, eq=False)
class Run:
    """What was asked, on which rows, and the method that was fitted to them.

    Nothing changes in place: `fit` and `save` return a run. Make one with `prepare`, `load` or `fit_run`.

    Attributes
    ----------
    request : Request
    prepared : Prepared or None
        The rows; None for a run that was loaded.
    fitted : Method or None
        None before `fit`, and for a run that was loaded; see `method`.
    seconds : float
        Duration of the fit.
    folder : Path or None
        Where the finished run is kept.
    """

    request: Request
    prepared: Prepared | None = None
    fitted: Method | None = None
    seconds: float = 0.0
    folder: Path | None = None

    @classmethod
    def prepare(cls, data: MultimodalData, request: Request) -> Self:
        """Check the request, hold rows out and hide modalities; see `redcore.runs.prepare`."""
        make_requested(request)
        return cls(request, prepare(data, request))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open a finished run; the model is read when it is first needed.

        Raises
        ------
        RunError
            If there is no finished run in the folder.
        """
        folder = Path(folder)
        record = read_run(folder)
        return cls(Request.parse(record["request"]), seconds=record.get("fit_seconds", 0.0), folder=folder)

    def fit(self, callbacks: Sequence[Callback] = (), checkpoint: Path | None = None) -> Self:
        """Return the run with a method fitted to its training rows; see `Method.fit`."""
        rows, method = self._rows, make_requested(self.request)
        train = rows.rows("train")
        assert train is not None
        start = time.perf_counter()
        method.fit(train, rows.rows("validation"), seed=self.request.seed, callbacks=callbacks, checkpoint=checkpoint)
        return replace(self, fitted=method, seconds=time.perf_counter() - start)

    @cached_property
    def method(self) -> Method:
        """The fitted method."""
        if self.fitted is not None:
            return self.fitted
        if self.folder is None:
            raise RunError("the run is not fitted: call fit first")
        return load_model(self.folder)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The content of ``run.json``."""
        if self.folder is not None:
            return read_run(self.folder)
        return run_record(self.request, self._rows, self.method, self.seconds)

    @cached_property
    def metrics(self) -> dict[str, Any] | None:
        """Scores on the test part, as in ``metrics.json``; None if there is no test part."""
        if self.report is not None:
            return self.report.to_dict()
        if self.folder is None or not (self.folder / "metrics.json").exists():
            return None
        return {name: value for name, value in read_json(self.folder / "metrics.json").items() if name != "part"}

    @cached_property
    def report(self) -> PatternReport | None:
        """Scores on the test part; None if there is none, or if the run was loaded and knows no rows."""
        test = None if self.prepared is None else self.prepared.rows("test")
        return None if test is None else self.evaluate(test, "all")

    @cached_property
    def history(self) -> dict[str, Any]:
        """Columns of the training history by name, one entry per step; empty for methods without steps."""
        if self.folder is not None:
            return read_history(self.folder)
        return {name: np.array(column) for name, column in self.method.history.steps.items()}

    @cached_property
    def held_out(self) -> IntArray:
        """Numbers of the rows held out for the test."""
        if self.prepared is not None:
            return np.flatnonzero(self.prepared.part == 2)
        assert self.folder is not None
        return read_held_out(self.folder)

    def rows_to_score(
        self, data: MultimodalData, rows: Literal["auto", "test", "all"] = "auto"
    ) -> tuple[MultimodalData, str]:
        """Return the samples of `data` to score, and their description.

        Parameters
        ----------
        data : MultimodalData
        rows : {"auto", "test", "all"}
            "auto" takes the rows that the run held out where `data` is what it was trained on; else the data's own
            test rows, or all. "test" fails instead of taking all.

        Raises
        ------
        RunError
            If there are no such rows.
        """
        if rows == "all":
            return data, "all rows"
        if data.checksum() == self.request.data_checksum:
            if not self.held_out.size:
                raise RunError(f"{self._name}: was trained on all rows of this data; give other data, or --rows all")
            return data.take(self.held_out), "the rows held out for the test"
        if data.split is not None and (data.split == 2).any():
            return data.part("test"), "the data's own test rows"
        if rows == "test":
            raise RunError("the data has no test rows of its own; use --rows all")
        return data, "all rows"

    def evaluate(self, data: MultimodalData, rows: Literal["auto", "test", "all"] = "auto") -> PatternReport:
        """Score under every missing pattern; see `rows_to_score`."""
        scored, _ = self.rows_to_score(data, rows)
        method = self.method
        return evaluate_patterns(method.predict, method.schema.align(scored), self.request.seed, decide=method.decide)

    def predict(self, source: MultimodalData | str | Path) -> pa.Table:
        """Return one row per sample of data, or of a data source that is read; see `prediction_table`."""
        data = source if isinstance(source, MultimodalData) else read_data(str(source))
        return prediction_table(self.method, data)

    def save(self, folder: str | Path) -> Self:
        """Write the files of a run, ``run.json`` last, and return the run with its folder.

        Raises
        ------
        RunError
            If the folder holds a finished run, a run of another request, or other files.
        """
        folder = Path(folder)
        method, rows = self.method, self._rows
        open_run(folder, self.request, resume=True)
        finish_run(folder, self.request, rows, method, self.seconds, self.report)
        saved = replace(self, folder=folder)
        # scored once
        saved.__dict__["report"] = self.report
        return saved

    @property
    def _rows(self) -> Prepared:
        if self.prepared is None:
            raise RunError(f"{self._name}: was loaded, and knows no rows to fit to or to save")
        return self.prepared

    @property
    def _name(self) -> str:
        return "the run" if self.folder is None else str(self.folder)


def fit_run(
    data: MultimodalData | str | Path,
    out: str | Path | None = None,
    *,
    method: str | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    missing_rates: Mapping[str, float] | None = None,
    protocol: str = _defaults.PROTOCOL,
    protocol_options: Mapping[str, str] | None = None,
    allow_empty: bool = False,
    test_fraction: float = _defaults.TEST_FRACTION,
    seed: int = _defaults.SEED,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Do as ``redcore fit`` does: hold rows out, hide modalities, fit; with `out`, leave a run folder.

    Parameters
    ----------
    data : MultimodalData, str or Path
        In memory, or a data set or file that the command line reads too.
    out : str or Path, optional
        Run folder to make. It gets all files of ``redcore fit`` but the pages (`redcore.report.write_run_report`).
    missing_rates : mapping of str to float, optional
        Modalities that are not named get 0.
    resume : bool
        Whether to go on with an unfinished run in `out`.

    Raises
    ------
    RunError
        If `out` cannot be used; see `Run.save`.

    Examples
    --------
    >>> from redcore import fit_run, load_dataset
    >>> run = fit_run(load_dataset("wine"), method="late_fusion")
    >>> run.metrics["pooled"]["accuracy"] > 0.5
    True
    """
    name = "in memory" if isinstance(data, MultimodalData) else str(data)
    source = data if isinstance(data, MultimodalData) else read_data(name)
    check_known("modality", missing_rates or {}, source.names)
    request = Request(
        data=name,
        data_checksum=source.checksum(),
        method=method,
        preset=preset,
        settings=dict(settings or {}),
        protocol=protocol,
        missing_rates=check_missing_rates({**dict.fromkeys(source.names, 0.0), **(missing_rates or {})}),
        protocol_options=dict(protocol_options or {}),
        allow_empty=allow_empty,
        test_fraction=test_fraction,
        seed=seed,
    )
    run = Run.prepare(source, request)
    if out is None:
        return run.fit(callbacks)
    open_run(Path(out), request, resume)
    return run.fit(callbacks, Path(out) / "checkpoint.safetensors").save(out)
