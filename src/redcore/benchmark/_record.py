"""The record of one cell: what was run, on what, and what came out."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from redcore._files import write_atomic
from redcore._settings import Settings
from redcore.benchmark._spec import Cell
from redcore.exceptions import RedCoreError, RunError

__all__ = ["Record", "pack_records", "read_record", "read_records"]


class Record(Settings):
    """Everything that is kept of one cell.

    Attributes
    ----------
    schema_version : 1
    key : str
    cell : Cell
    status : {"done", "failed"}
    error : str or None
        Of a failed cell: type and message.
    n_samples : dict of str to int
        By part.
    data_checksum, availability_checksum : str
        The second is over what training observes: equal for all methods on the same data, protocol and seed.
    missing_rates : dict of str to float
        As realised in training.
    metrics : dict
        ``per_pattern``, ``pooled`` and ``as_observed``; see `redcore.metrics.PatternReport`.
    weights, relative_advantage : dict of str to float
        Final supervision weights and advantages, for methods that have them.
    n_parameters : int or None
    seconds : dict of str to float
        Of the fit and of the predictions. Differs from run to run, like `peak_bytes`; nothing else does.
    peak_bytes : int
    settings : dict
        Resolved settings of the method.
    versions : dict of str to str
    """

    schema_version: Literal[1] = 1
    key: str
    cell: Cell
    status: Literal["done", "failed"]
    error: str | None = None
    n_samples: dict[str, int] = Field(default_factory=dict)
    data_checksum: str = ""
    availability_checksum: str = ""
    missing_rates: dict[str, float] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    weights: dict[str, float] = Field(default_factory=dict)
    relative_advantage: dict[str, float] = Field(default_factory=dict)
    n_steps: int = 0
    best_epoch: int = -1
    n_parameters: int | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    peak_bytes: int = 0
    settings: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    def result(self) -> dict[str, Any]:
        """Return the record without what differs from run to run."""
        return {name: value for name, value in self.dump().items() if name not in ("seconds", "peak_bytes")}


def read_record(path: Path) -> Record:
    """Read one record.

    Raises
    ------
    RunError
        If the file is damaged or of another version; the message names it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise RunError("not a JSON object")
        if content.get("schema_version") != 1:
            raise RunError(f"schema version {content.get('schema_version')!r}, this redcore reads version 1")
        return Record.checked(content)
    except (OSError, ValueError, RedCoreError) as error:
        raise RunError(f"{path}: not a record ({error})") from None


def read_records(source: Path) -> list[Record]:
    """Read all records of a benchmark folder, or of a file that `pack_records` has written, in the order of their keys.

    Raises
    ------
    RunError
        If a record, or the file, is damaged or of another version.
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


def _unpacked(path: Path) -> list[Record]:
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        return [Record.checked(json.loads(line)) for line in lines]
    except (OSError, EOFError, ValueError, zlib.error, RedCoreError) as error:
        raise RunError(f"{path}: not a file of packed records ({error})") from None
