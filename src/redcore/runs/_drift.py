"""Comparison of new data with the training data of a saved model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from redcore._files import read_json
from redcore._progress import stage
from redcore._types import AnyArray
from redcore.data import MultimodalData, chunks
from redcore.data.formats import Expected, guess, table
from redcore.exceptions import DataError, RunError
from redcore.explain import Words
from redcore.export import load_calibration, load_model, load_reference, read_model_content
from redcore.metrics import is_lower_better, score_label
from redcore.monitoring import ALPHA, Comparison, LabelledPeriod, Monitor, labelled_periods
from redcore.runs._sources import read_for_model

__all__ = ["DriftReport", "check_drift"]


@dataclass(frozen=True, eq=False)
class DriftReport:
    """Result of `check_drift`.

    Attributes
    ----------
    model, data : str
        Names of the model and of the data.
    comparison : Comparison
    labelled : LabelledPeriod or None
        Scores of all samples; None without labels.
    periods : list of LabelledPeriod
        Scores over time; empty without labels or times.
    at_fit : dict
        ``scores`` and ``intervals`` on the test split of the run; empty without a test split.
    n_trained : int
        Number of samples that are known to be training samples of the run.
    """

    model: str
    data: str
    comparison: Comparison
    labelled: LabelledPeriod | None
    periods: list[LabelledPeriod]
    at_fit: dict[str, Any]
    n_trained: int = 0

    @property
    def has_shifted(self) -> bool:
        """True if the data or the quality of the predictions has changed."""
        return self.comparison.has_shifted or bool(self.label_messages())

    def messages(self) -> list[str]:
        """Return one line per finding."""
        return [*self.comparison.messages(), *self.label_messages()]

    def warning(self) -> str:
        """Return a warning about training samples in the data; empty without any."""
        if not self.n_trained:
            return ""
        return (
            f"{self.n_trained} of {self.comparison.n_new} samples are training samples of the run: their scores are "
            "too good, and they hide shifts of the others; compare new samples only"
        )

    def words(self) -> Words:
        """Explain the findings, and the action that they suggest."""
        meaning = (
            f"A shift is a difference that chance would hardly produce: with a probability below {ALPHA:.0%} over all "
            f"{len(self.comparison.tests)} tests together (adjusted p). The stability index is its size: up to 0.1 is "
            "small, above 0.25 is large."
        )
        if self.label_messages():
            return Words(
                meaning,
                "The predictions have become worse. Check shifted features at their source. If they are correct, fit "
                "again with new samples; redcore calibrate suffices if only probabilities or intervals are wrong.",
            )
        if not self.comparison.has_shifted:
            return Words(meaning, "Nothing needs to be done.")
        scores = "The scores of the labelled samples are not distinguishably worse than those of the test split."
        if self.labelled is None:
            scores = "Labelled new samples would show whether the predictions are worse."
        return Words(
            meaning, f"Check at the source whether units, devices or codes have changed, and correct the data. {scores}"
        )

    def label_messages(self) -> list[str]:
        """Return one line per score that is worse than at the fit, and one if intervals cover too little."""
        if self.labelled is None:
            return []
        lines = []
        for name, before in self.at_fit.get("intervals", {}).items():
            now = self.labelled.intervals.get(name)
            if now is None or before is None or not _is_worse(name, now, before):
                continue
            scores = (self.labelled.scores[name], self.at_fit["scores"][name])
            lines.append(
                f"{score_label(name)} is {scores[0]:.3f} (95% interval {now[0]:.3f} to {now[1]:.3f}), on the test "
                f"split of the run {scores[1]:.3f} ({before[0]:.3f} to {before[1]:.3f})"
            )
        if self.labelled.covers_too_little:
            lines.append(f"intervals with coverage 90% contain {self.labelled.coverage:.1%} of the true values")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-serialisable dicts."""
        return {
            "model": self.model,
            "data": self.data,
            "has_shifted": self.has_shifted,
            "n_trained": self.n_trained,
            "messages": self.messages(),
            "words": self.words().to_dict(),
            "comparison": self.comparison.to_dict(),
            "labelled": None if self.labelled is None else asdict(self.labelled),
            "periods": [asdict(period) for period in self.periods],
            "at_fit": self.at_fit,
        }


def _is_worse(name: str, now: list[float], before: list[float]) -> bool:
    """Return True if the intervals of a score do not overlap and the new one is worse."""
    return now[0] > before[1] if is_lower_better(name) else now[1] < before[0]


def check_drift(model: Path, source: str, time: str | None = None, seed: int = 0) -> DriftReport:
    """Compare a data source with the training data of a model, and score it if it has labels.

    Parameters
    ----------
    model : Path
        Run folder, or model file or folder.
    source : str
        Data set, file or store.
    time : str, optional
        Column of a CSV or Parquet table with the times of its rows, which divides labelled samples into periods.
    seed : int
        Seed of the bootstrap intervals of the scores.

    Raises
    ------
    RunError
        If the model has no profile of its training data.
    DataError
        If the data cannot be read, or is no table with the column `time`.
    """
    method, reference, content = load_model(model), load_reference(model), read_model_content(model)
    if reference is None:
        raise RunError(f"{model}: has no profile of its training data; fit the model again with this version")
    reader = content["record"].get("reader") or {}
    expected = Expected(method.schema, data_format=reader.get("format"), options=reader.get("options", {}))
    data = read_for_model(source, expected)
    n_trained = _n_trained(model, data)
    data = method.schema.conform(data)
    times = None if time is None else _times(Path(source), expected, time)
    monitor = Monitor(method, reference)
    with stage("predicting"):
        outputs = np.concatenate([_predicted(monitor, chunk) for chunk in chunks(data)])
    labelled, periods = None, []
    if data.target is not None:
        calibration = load_calibration(model)
        [labelled] = labelled_periods(method, data, outputs, calibration, None, seed)
        periods = [] if times is None else labelled_periods(method, data, outputs, calibration, times, seed)
    at_fit = _at_fit(content["record"].get("metrics"))
    return DriftReport(str(model), source, monitor.compare(), labelled, periods, at_fit, n_trained)


def _n_trained(run: Path, data: MultimodalData) -> int:
    """Return the number of training samples of a run in some data, by their ids.

    If the ids are row numbers, it is 0 unless the data is that of the run. It is also 0 for a model without a run.
    """
    path = run / "samples.parquet"
    if not path.is_file():
        return 0
    samples = pq.read_table(path, columns=["sample_id", "part"]).to_pydict()
    trained = {str(name) for name, part in zip(samples["sample_id"], samples["part"], strict=True) if part != "test"}
    if np.array_equal(data.sample_ids, np.arange(data.n_samples)):
        is_same = data.n_samples == len(samples["part"]) and (
            data.checksum() == read_json(run / "request.json")["data_checksum"]
        )
        return len(trained) if is_same else 0
    return sum(str(name) in trained for name in data.sample_ids.tolist())


def _predicted(monitor: Monitor, data: MultimodalData) -> AnyArray:
    outputs = monitor.method.predict(data)
    monitor.add(data, outputs)
    return outputs


def _times(path: Path, expected: Expected, column: str) -> AnyArray:
    if not path.exists() or guess(path) != "table":
        raise DataError(f"--time {column}: {path} is no CSV or Parquet table")
    options = expected.options if expected.data_format == "table" else {}
    return table.read_column(path, table.Options.parse(options), column)


def _at_fit(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    if metrics is None:
        return {}
    return {"scores": metrics["as_observed"], "intervals": metrics.get("details", {}).get("intervals", {})}
