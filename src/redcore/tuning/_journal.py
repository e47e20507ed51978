"""Journal file of a study, protected by a lock of the operating system that ends with the process holding it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend

__all__ = ["Journal"]


class _Lock:
    """File lock for Optuna. The first holder truncates an incomplete last record that a killed writer left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Acquire the lock; block until it is available."""
        file = self.path.with_suffix(".lock").open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        self._file = file
        _truncate_incomplete_record(self.path)
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


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
        path = self.folder / "journal.log"
        backend: BaseJournalBackend = JournalFileBackend(str(path), lock_obj=_Lock(path))
        return JournalStorage(backend)

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
