"""Record of a cell: its configuration, its results and their provenance."""

import gzip
import json
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from redcore._files import write_atomic, write_json
from redcore._settings import Settings
from redcore.benchmark._cell_config import Cell
from redcore.benchmark._samples import (
    Influence,
    Over,
    SampleFile,
    packed_samples,
    read_samples,
    samples_name,
    samples_path,
    write_samples,
)
from redcore.exceptions import RedCoreError, RunError

__all__ = ["Record", "pack_records", "read_record", "read_records", "unpack_records"]

NOT_REPRODUCIBLE = frozenset(
    {"seconds", "cpu_seconds", "epoch_seconds", "peak_bytes", "growth_bytes", "git", "machine"}
)
"""Fields that differ between repetitions of the same fit."""
NOT_CONFIGURATION = {
    "key", "cell", "status", "error", "metrics", "history", "epochs", "epoch_seconds", "predictions", "tuning",
}  # fmt: skip


class Record(Settings):
    """Record of one cell.

    Attributes
    ----------
    schema_version : 2
    key : str
        Key of the cell.
    cell : Cell
    status : {"done", "failed"}
    error : str or None
        Type and message of the error, for a failed cell.
    n_samples : dict of str to int
        Number of samples by split: ``train``, ``validation`` (if the data has this split) and ``test``.
    split_source : {"published", "drawn", "fold", ""}
        Origin of the test split: the data, a random split with the seed of the cell, or a cross-validation fold. Empty
        in records of earlier versions.
    data_checksum : str
        Checksum of all values and labels before modalities are removed.
    split_checksum : str
        Checksum of the assignment of samples to splits.
    availability_checksums : dict of str to str
        Checksum of the availability mask by split. These and the two checksums above are equal for all methods on the
        same data, protocol, seed and fold; see `conflicts`.
    missing_rates : dict of str to dict
        Realised missing rates by split and modality.
    pattern_counts : dict of str to dict
        Number of samples by split and missing pattern, such as ``audio+text``, for the 64 most frequent patterns.
    metrics : dict
        Scores ``per_pattern``, ``pooled`` and ``as_observed``, and ``problems`` of patterns; see
        `redcore.metrics.PatternReport`.
    predictions : str
        Path of the predictions on the test split as observed, relative to the folder of the benchmark.
    samples : str
        Path of the predictions per test sample and missing pattern, relative to the folder of the benchmark; empty if
        they were not kept. `sample_file` reads them.
    weights, relative_advantage : dict of str to float
        Final supervision weights and relative advantages by modality, for methods that have them.
    history, epochs : dict of str to list of float
        Thinned training history of the (first) network, by step and by epoch. The columns of `history` are ``step``,
        ``loss``, and per modality ``supervision_weight/audio``, ``relative_advantage/audio``,
        ``imputation_loss/audio`` and, with ``log_gradients``, ``gradient_norm/audio``. The columns of `epochs` are
        ``epoch`` and ``validation_loss``.
    n_steps, best_epoch : int
    n_parameters : int or None
        Number of fitted values of the method.
    seconds : dict of str to float
        Durations ``read``, ``fit``, and ``predict`` (all missing patterns).
    cpu_seconds : dict of str to float
        CPU time of the same stages, summed over threads. It is comparable even if the machine has other load.
    epoch_seconds : list of float
        Time from the start of training to the end of each epoch.
    peak_bytes, growth_bytes : int or None
        Peak of the resident memory of the process during the cell, and its difference to the start of the cell.
    settings : dict
        Resolved settings of the method.
    tuning : dict
        Trials and selected settings of a tuned method; see `redcore.benchmark._tuning.tune`. Empty without tuning.
    versions, git, machine : dict of str to str
        Provenance: package versions, state of the git checkout and description of the machine.
    """

    schema_version: Literal[2] = 2
    key: str
    cell: Cell
    status: Literal["done", "failed"]
    error: str | None = None
    n_samples: dict[str, int] = Field(default_factory=dict)
    split_source: Literal["published", "drawn", "fold", ""] = ""
    data_checksum: str = ""
    split_checksum: str = ""
    availability_checksums: dict[str, str] = Field(default_factory=dict)
    missing_rates: dict[str, dict[str, float]] = Field(default_factory=dict)
    pattern_counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    predictions: str = ""
    samples: str = ""
    weights: dict[str, float] = Field(default_factory=dict)
    relative_advantage: dict[str, float] = Field(default_factory=dict)
    history: dict[str, list[float]] = Field(default_factory=dict)
    epochs: dict[str, list[float]] = Field(default_factory=dict)
    n_steps: int = 0
    best_epoch: int = -1
    n_parameters: int | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    cpu_seconds: dict[str, float] = Field(default_factory=dict)
    epoch_seconds: list[float] = Field(default_factory=list)
    peak_bytes: int | None = None
    growth_bytes: int | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    tuning: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    git: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str] = Field(default_factory=dict)

    _source: Path | None = PrivateAttr(default=None)

    @property
    def data_title(self) -> str:
        """Name of the data set in tables."""
        return self.cell.data.title()

    @property
    def protocol_title(self) -> str:
        """Name of the missing protocol with its rates in tables."""
        return self.cell.protocol.title()

    @property
    def method_title(self) -> str:
        """Name of the method in tables."""
        return self.cell.method.title()

    @property
    def tuning_title(self) -> str:
        """Budget of a tuned method as text; empty without tuning."""
        return "" if self.cell.tuning is None else self.cell.tuning.title()

    @property
    def is_tuned_on_other_run(self) -> bool:
        """True if the method was tuned on the training split of another seed or fold."""
        return self.cell.tuning_cell() != self.cell

    @property
    def protocol_name(self) -> str:
        """Name of the missing protocol."""
        return self.cell.protocol.name

    @property
    def seed(self) -> int:
        """Seed of the cell."""
        return self.cell.seed

    @property
    def fold(self) -> int | None:
        """Cross-validation fold of the cell, from 1."""
        return self.cell.fold

    @property
    def checksums(self) -> dict[str, str]:
        """Checksums of the data, of its splits, and of the masks by split."""
        return {"data": self.data_checksum, "split": self.split_checksum, **self.availability_checksums}

    def sample_file(self) -> SampleFile | None:
        """Return the predictions per test sample and missing pattern, or None if they were not kept.

        Raises
        ------
        RunError
            If the file is damaged. The message names it.
        """
        return read_samples(self._source, self.key) if self.samples and self._source is not None else None

    def sample_influence(self, score: str, over: Over | tuple[str, ...]) -> Influence | None:
        """Return the influence of each test unit on a score, or None if it is unknown; see `SampleFile.influence`."""
        path = None if self._source is None else samples_path(self._source, self.key)
        if not self.samples or self._source is None or path is None:
            return None
        modified = path.stat().st_mtime_ns
        if isinstance(over, tuple) and len(over) == 1:
            return _influence_by_pattern(self._source, self.key, score, modified).get(over[0])
        return _influence(self._source, self.key, score, over, modified)

    def configuration(self) -> dict[str, Any]:
        """Return everything that the record depends on, by field, with facts about the fit."""
        content = self.dump()
        cell = {f"cell.{name}": value for name, value in content["cell"].items()}
        return cell | {name: value for name, value in content.items() if name not in NOT_CONFIGURATION and value}

    def result(self) -> dict[str, Any]:
        """Return the record without the fields that differ between repetitions of the same fit."""
        content = {name: value for name, value in self.dump().items() if name not in NOT_REPRODUCIBLE}
        if self.tuning:
            trials = [{k: v for k, v in trial.items() if k != "cpu_seconds"} for trial in self.tuning["trials"]]
            spent = {"n_trials": self.tuning["spent"]["n_trials"]}
            content["tuning"] = {**self.tuning, "trials": trials, "spent": spent}
        return content


@lru_cache(maxsize=20_000)
def _influence(source: Path, key: str, score: str, over: Over | tuple[str, ...], modified: int) -> Influence | None:
    """Return the influence of the test units of a cell; `modified` is the time stamp of the file, for the cache."""
    samples = read_samples(source, key)
    return None if samples is None else samples.influence(score, over)


@lru_cache(maxsize=20_000)
def _influence_by_pattern(source: Path, key: str, score: str, modified: int) -> dict[str, Influence | None]:
    """Return the influence of the test units of a cell by pattern, because reading the file takes most of the time."""
    samples = read_samples(source, key)
    return {} if samples is None else {name: samples.influence(score, (name,)) for name in samples.predictions}


def _parse(content: object, source: Path) -> Record:
    """Validate the JSON content of a record from a folder or a packed file."""
    if not isinstance(content, dict):
        raise RunError("not a JSON object")
    version = content.get("schema_version")
    if version != 2:
        raise RunError(f"schema version {version!r}, expected 2")
    record = Record.checked(_with_argmax_scores(content))
    record._source = source
    return record


def _with_argmax_scores(content: dict[str, Any]) -> dict[str, Any]:
    """Add the macro-F1 of the most probable classes to a record of an earlier version, if its method predicts these.

    Records of methods with another decision rule do not have the information.
    """
    metrics = content.get("metrics")
    if content.get("settings", {}).get("decision", "argmax") != "argmax" or not isinstance(metrics, dict):
        return content
    sources = [metrics.get("pooled", {}), metrics.get("as_observed", {}), *metrics.get("per_pattern", {}).values()]
    for scores in sources:
        if "nll" in scores and "macro_f1" in scores:
            scores.setdefault("argmax_macro_f1", scores["macro_f1"])
    return content


def read_record(path: Path) -> Record:
    """Read one record.

    Raises
    ------
    RunError
        If the file is damaged or has an unknown schema version. The message names the file.
    """
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")), path.parent.parent)
    except (OSError, ValueError, KeyError, RedCoreError) as error:
        raise RunError(f"{path}: not a record ({error})") from None


def read_records(source: str | Path) -> list[Record]:
    """Read all records of a benchmark folder or of a file written by `pack_records`, sorted by key.

    Raises
    ------
    RunError
        If there is no such file or folder, or if a record or the file is damaged or has an unknown schema version.
    """
    source = Path(source)
    if source.is_file():
        return _read_packed(source)
    if not source.is_dir():
        raise RunError(f"{source}: no such file or folder")
    return [read_record(path) for path in sorted((source / "records").glob("*.json"))]


def pack_records(folder: str | Path, path: str | Path) -> int:
    """Write all records of a benchmark folder to one compressed file, and return their number.

    The file has one JSON object per line. The same records always give the same bytes. If predictions per test sample
    were kept, they are written to an archive in the same folder: ``quick.samples.zip`` for ``quick.jsonl.gz``.
    """
    folder, path = Path(folder), Path(path)
    records = read_records(folder)
    lines = "".join(json.dumps(record.dump(), sort_keys=True) + "\n" for record in records)
    packed = gzip.compress(lines.encode(), mtime=0)
    write_atomic(path, lambda temporary: temporary.write_bytes(packed))
    files = [folder / record.samples for record in records if record.samples]
    files = [file for file in files if file.is_file()]
    if files:
        write_atomic(packed_samples(path), lambda temporary: _write_archive(temporary, files))
    return len(records)


def _write_archive(path: Path, files: list[Path]) -> None:
    """Write files to an archive without compression, because they are compressed already, and with a fixed date."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(samples_name(file.stem)), file.read_bytes())


def unpack_records(path: str | Path, folder: str | Path) -> int:
    """Write the records of a file written by `pack_records` to a benchmark folder, and return the number of new ones.

    A run of the benchmark can then resume from them. Existing records in the folder are not overwritten. Predictions
    per test sample are unpacked if their archive is next to the file.

    Raises
    ------
    RunError
        If the file does not exist, is damaged or has an unknown schema version, or if the folder cannot be created.
    """
    path, folder = Path(path), Path(folder)
    new = [(folder / "records" / f"{record.key}.json", record) for record in _read_packed(path)]
    new = [(target, record) for target, record in new if not target.exists()]
    try:
        for name in ("records", "samples"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be created ({error.strerror})") from None
    for target, record in new:
        samples = record.sample_file()
        if samples is not None:
            write_samples(folder / record.samples, samples)
        # written last because the record marks the cell as done
        write_json(target, record.dump())
    return len(new)


def _read_packed(path: Path) -> list[Record]:
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        return [_parse(json.loads(line), path) for line in lines]
    except (OSError, EOFError, ValueError, KeyError, zlib.error, RedCoreError) as error:
        raise RunError(f"{path}: not a file of packed records ({error})") from None
