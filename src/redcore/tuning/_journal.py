"""Journal file of a study with checksums, and a lock of the operating system that ends with its process."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from optuna.storages import JournalStorage

from redcore._files import json_checksum
from redcore.exceptions import RunError

__all__ = ["Journal"]


class _CheckedFile:
    """Journal for Optuna: one JSON record with a checksum per line. Records of earlier versions have no checksum."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets = [0]
        path.touch()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records."""
        lines = [json.dumps({**log, "checksum": json_checksum(log)}, separators=(",", ":")) for log in logs]
        with _locked(self.path), self.path.open("ab") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the complete records from this number on; a damaged one raises `RunError`."""
        with self.path.open("rb") as file:
            file.seek(self._offsets[log_number_from])
            for number, line in enumerate(file, log_number_from):
                if not line.endswith(b"\n"):
                    return  # its writer has not finished
                if number + 1 == len(self._offsets):
                    self._offsets.append(self._offsets[number] + len(line))
                yield self._record(line, number + 1)

    def _record(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            record = json.loads(line)
            is_whole = record.pop("checksum", None) in (None, json_checksum(record))
        except (ValueError, AttributeError, TypeError):  # not UTF-8, not JSON, or not an object
            is_whole = False
        if not is_whole:
            raise RunError(f"{self.path}: line {number} is damaged; restore the file, or choose another folder")
        return cast(dict[str, Any], record)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a journal. The first holder truncates an incomplete last record that a killed writer left."""
    with path.with_suffix(".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _truncate_incomplete_record(path)
        yield


def _truncate_incomplete_record(path: Path) -> None:
    """Remove the text after the last newline of a file."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


class Journal:
    """Journal of a study and registry of its running workers.

    Parameters
    ----------
    folder : Path
        Folder of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._workers = folder / "workers"

    def storage(self) -> JournalStorage:
        """Return the journal as storage for Optuna."""
        return JournalStorage(_CheckedFile(self.folder / "journal.log"))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Block until no other process is inside the block."""
        with (self.folder / "exclusive.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def worker(self) -> Iterator[str]:
        """Register a worker inside the block and yield its name. It is alive until the block or the process ends."""
        self._workers.mkdir(exist_ok=True)
        name = uuid4().hex
        path = self._workers / name
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield name
            path.unlink(missing_ok=True)

    def is_alive(self, worker: str) -> bool:
        """Return True if a worker is running."""
        path = self._workers / worker
        try:
            with path.open("ab" if path.exists() else "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False
