"""Results of runs, and reading them from run folders. Does not load torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from redcore._files import read_json
from redcore._types import AnyArray, IntArray
from redcore.exceptions import RedCoreError, RunError
from redcore.runs._file_names import HISTORY, METRICS, RECORD, REQUEST, SAMPLES, SETTINGS, VALIDATION
from redcore.runs._fold_scores import CrossValidation
from redcore.runs._request import Request

__all__ = ["RunResult", "read_held_out", "read_history", "read_metrics", "read_result", "read_run"]


@dataclass(frozen=True, eq=False)
class RunResult:
    """Result of a run: scores, training history and configuration.

    Statistics and pages read it in the same way as the record of a benchmark; see `redcore.benchmark.Result`.

    Attributes
    ----------
    key : str
        Name of the run folder; "run" for a run that is not saved.
    request : Request
    record : dict
        Content of ``run.json``.
    metrics : dict
        Scores on the test split, as in `redcore.metrics.PatternReport`; empty without a test split.
    history, epochs : dict of str to list of float
        Training history per step and per epoch, by column.
    settings : dict
        Resolved settings of the method.
    cross_validation : CrossValidation or None
        Scores of the folds of a run with `cv`.
    """

    key: str
    request: Request
    record: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, list[float]]
    epochs: dict[str, list[float]]
    settings: dict[str, Any]
    cross_validation: CrossValidation | None = None

    status: ClassVar[Literal["done"]] = "done"
    error: ClassVar[None] = None
    fold: ClassVar[None] = None
    tuning_title: ClassVar[str] = ""
    is_tuned_on_other_run: ClassVar[bool] = False
    n_parameters: ClassVar[None] = None
    peak_bytes: ClassVar[None] = None

    @property
    def data_title(self) -> str:
        """Name of the data in tables and on pages."""
        return Path(self.request.data).stem

    @property
    def protocol_title(self) -> str:
        """Missing protocol with its rates, by modality in sorted order."""
        rates = self.request.missing_rates
        return f"{self.protocol_name} {'/'.join(f'{rates[name]:g}' for name in sorted(rates))}".strip()

    @property
    def protocol_name(self) -> str:
        """Name of the missing protocol."""
        return self.request.protocol

    @property
    def method_title(self) -> str:
        """Method, with its preset."""
        request = self.request
        return f"{request.method} ({request.preset})" if request.preset else str(request.method)

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.request.seed

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of the data."""
        return {"data": self.request.data_checksum}

    @property
    def n_samples(self) -> dict[str, int]:
        """Number of samples by split."""
        n_samples: dict[str, int] = self.record["n_samples"]
        return n_samples

    @property
    def missing_rates(self) -> dict[str, dict[str, float]]:
        """Realised missing rates by split and modality."""
        rates: dict[str, dict[str, float]] = self.record["realised_missing_rates"]
        return rates

    @property
    def seconds(self) -> dict[str, float]:
        """Duration of the fit."""
        return {"fit": self.record["fit_seconds"]}

    def sample_influence(self, score: str, over: object) -> None:
        """Return None: the influence of single test samples is computed for benchmarks only."""

    def configuration(self) -> dict[str, Any]:
        """Return everything that the result depends on, by field, with facts about the fit."""
        facts = {name: value for name, value in self.record.items() if name != "request" and value}
        request = {f"request.{name}": value for name, value in self.record["request"].items()}
        return {**request, **facts, "settings": self.settings}


def read_result(folder: str | Path) -> RunResult:
    """Read the result of a finished run from its folder.

    Raises
    ------
    RunError
        If the folder holds no finished run, or a file is damaged. The message names the file.
    """
    folder = Path(folder)
    record = read_run(folder)
    return RunResult(
        folder.resolve().name,
        Request.parse(record["request"]),
        record,
        read_metrics(folder) or {},
        {name: column.tolist() for name, column in read_history(folder).items()},
        {name: column.tolist() for name, column in _columns(folder / VALIDATION).items()},
        read_json(folder / SETTINGS).get("settings", {}),
        CrossValidation.read(folder),
    )


KEYS = (
    "request", "n_samples", "realised_missing_rates", "supervision_weights", "relative_advantage", "best_epoch",
    "n_steps", "fit_seconds", "versions",
)  # fmt: skip


def read_run(folder: Path) -> dict[str, Any]:
    """Return the content of ``run.json`` of a finished run.

    Raises
    ------
    RunError
        If the folder holds no finished run, or ``run.json`` is damaged.
    """
    path = folder / RECORD
    if not path.exists():
        state = "an unfinished run" if (folder / REQUEST).exists() else "no run"
        raise RunError(f"{folder}: holds {state}; expected a finished run folder of 'redcore fit'")
    record = read_json(path)
    try:
        missing = [key for key in KEYS if key not in record]
        if missing:
            raise KeyError(", ".join(missing))
        Request.parse(record["request"])
    except (KeyError, TypeError, ValueError, RedCoreError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    return record


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the scores in ``metrics.json``; None if the run has no test split."""
    path = folder / METRICS
    if not path.exists():
        return None
    return {name: value for name, value in read_json(path).items() if name != "part"}


def read_held_out(folder: Path) -> IntArray:
    """Return the row numbers of the test split of a run.

    Raises
    ------
    RunError
        If ``samples.parquet`` is absent or damaged.
    """
    path = folder / SAMPLES
    try:
        split = pq.read_table(path, columns=["part"], page_checksum_verification=True)["part"].to_numpy(
            zero_copy_only=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: absent or damaged ({type(error).__name__}: {error})") from None
    return np.flatnonzero(split == "test")


def read_history(folder: Path) -> dict[str, AnyArray]:
    """Return the columns of ``history.parquet``, one entry per step; empty if the method has no history.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    return _columns(folder / HISTORY)


def _columns(path: Path) -> dict[str, AnyArray]:
    if not path.exists():
        return {}
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        return {name: table[name].to_numpy().astype(float) for name in table.column_names}
    except (OSError, ValueError, pa.ArrowInvalid) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
