"""The record of one cell: what was run, on what, and what came out."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from redcore._files import write_atomic, write_json
from redcore._settings import Settings
from redcore.benchmark._cell_config import Cell
from redcore.exceptions import RedCoreError, RunError

__all__ = ["Record", "pack_records", "read_record", "read_records", "unpack_records"]

DIFFERS = frozenset({"seconds", "cpu_seconds", "epoch_seconds", "peak_bytes", "growth_bytes", "git", "machine"})
"""Fields that differ between repetitions of the same fit."""
NOT_CONFIGURATION = {"key", "cell", "status", "error", "metrics", "history", "epochs", "epoch_seconds", "predictions"}


class Record(Settings):
    """Everything that is kept of one cell.

    Attributes
    ----------
    schema_version : 2
    key : str
    cell : Cell
    status : {"done", "failed"}
    error : str or None
        Of a failed cell: type and message.
    n_samples : dict of str to int
        By part: ``train``, ``validation`` (where the data has its own) and ``test``.
    data_checksum : str
        Of all values and labels, before anything is hidden.
    split_checksum : str
        Of which sample is in which part.
    availability_checksums : dict of str to str
        By part, of which sample observes what. This and the two above are equal for all methods on the same data,
        protocol, seed and fold; see `conflicts`.
    missing_rates : dict of str to dict
        By part and modality, as realised.
    pattern_counts : dict of str to dict
        By part and missing pattern, such as ``audio+text``: number of samples, for the 64 most frequent patterns.
    metrics : dict
        ``per_pattern``, ``pooled`` and ``as_observed``; see `redcore.metrics.PatternReport`.
    predictions : str
        File of the predictions on the test part as observed, in the folder of the benchmark.
    weights, relative_advantage : dict of str to float
        Final supervision weights and advantages, for methods that have them.
    history, epochs : dict of str to list of float
        Thinned-out columns of the training of the (first) network, with ``step`` and ``epoch``: ``loss``,
        ``supervision_weight/audio``, ``relative_advantage/audio``, ``imputation_loss/audio``, where asked for
        ``gradient_norm/audio``; ``validation_loss``.
    n_steps, best_epoch : int
    n_parameters : int or None
        How many fitted numbers the method keeps.
    seconds : dict of str to float
        ``read``, ``fit``, and ``predict`` for all patterns.
    cpu_seconds : dict of str to float
        The same in seconds of CPU, of all threads: what can be compared where a machine is shared.
    epoch_seconds : list of float
        From the start of training to the end of each epoch.
    peak_bytes, growth_bytes : int or None
        Largest resident memory of the process while the cell ran, and how much above where it started.
    settings : dict
        Resolved settings of the method.
    versions, git, machine : dict of str to str
    """

    schema_version: Literal[2] = 2
    key: str
    cell: Cell
    status: Literal["done", "failed"]
    error: str | None = None
    n_samples: dict[str, int] = Field(default_factory=dict)
    data_checksum: str = ""
    split_checksum: str = ""
    availability_checksums: dict[str, str] = Field(default_factory=dict)
    missing_rates: dict[str, dict[str, float]] = Field(default_factory=dict)
    pattern_counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    predictions: str = ""
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
    versions: dict[str, str] = Field(default_factory=dict)
    git: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str] = Field(default_factory=dict)

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

    def configuration(self) -> dict[str, Any]:
        """Return everything that the record depends on, by field, with facts about the fit."""
        content = self.dump()
        cell = {f"cell.{name}": value for name, value in content["cell"].items()}
        return cell | {name: value for name, value in content.items() if name not in NOT_CONFIGURATION and value}

    def result(self) -> dict[str, Any]:
        """Return the record without the fields that differ between repetitions of the same fit."""
        return {name: value for name, value in self.dump().items() if name not in DIFFERS}


def _parsed(content: object) -> Record:
    """Check the content of a record."""
    if not isinstance(content, dict):
        raise RunError("not a JSON object")
    version = content.get("schema_version")
    if version != 2:
        raise RunError(f"schema version {version!r}, expected 2")
    return Record.checked(content)


def read_record(path: Path) -> Record:
    """Read one record.

    Raises
    ------
    RunError
        If the file is damaged or of an unknown version; the message names it.
    """
    try:
        return _parsed(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, RedCoreError) as error:
        raise RunError(f"{path}: not a record ({error})") from None


def read_records(source: Path) -> list[Record]:
    """Read all records of a benchmark folder, or of a file that `pack_records` has written, in the order of their keys.

    Raises
    ------
    RunError
        If a record, or the file, is damaged or of an unknown version.
    """
    if source.is_file():
        return _unpacked(source)
    return [read_record(path) for path in sorted((source / "records").glob("*.json"))]


def pack_records(folder: Path, path: Path) -> int:
    """Write all records of a benchmark folder to one compressed file, one JSON object per line; return how many.

    The same records make the same bytes.
    """
    records = read_records(folder)
    lines = "".join(json.dumps(record.dump(), sort_keys=True) + "\n" for record in records)
    packed = gzip.compress(lines.encode(), mtime=0)
    write_atomic(path, lambda temporary: temporary.write_bytes(packed))
    return len(records)


def unpack_records(path: Path, folder: Path) -> int:
    """Put the records of a file that `pack_records` has written in a benchmark folder; return how many.

    Then `run` goes on from there. Records that the folder has already are left as they are; predictions are not packed,
    so the folder has none of these cells.

    Raises
    ------
    RunError
        If the file is absent, damaged or of an unknown version, or the folder cannot be made.
    """
    missing = [(folder / "records" / f"{record.key}.json", record) for record in _unpacked(path)]
    missing = [(place, record) for place, record in missing if not place.exists()]
    try:
        (folder / "records").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror})") from None
    for place, record in missing:
        write_json(place, record.dump())
    return len(missing)


def _unpacked(path: Path) -> list[Record]:
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        return [_parsed(json.loads(line)) for line in lines]
    except (OSError, EOFError, ValueError, KeyError, zlib.error, RedCoreError) as error:
        raise RunError(f"{path}: not a file of packed records ({error})") from None
