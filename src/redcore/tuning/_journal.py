"""A journal file under a lock of the kernel's, which a killed process cannot leave behind."""

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
    """What Optuna asks of a lock; whoever gets it first takes away half a line that a killed writer left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        held = self.path.with_suffix(".lock").open("ab")
        fcntl.flock(held, fcntl.LOCK_EX)
        self._held = held
        _mend(self.path)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._held is not None:
            self._held.close()
            self._held = None


def _mend(path: Path) -> None:
    """Cut off what follows the last end of a line."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


class Journal:
    """The folder of a study: its journal, and which workers live.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._workers = folder / "workers"

    def storage(self) -> JournalStorage:
        """Open the journal for Optuna."""
        path = self.folder / "journal.log"
        backend: BaseJournalBackend = JournalFileBackend(str(path), lock_obj=_Lock(path))
        return JournalStorage(backend)

    @contextmanager
    def worker(self) -> Iterator[str]:
        """Be a worker inside the block; yields its name. It counts as alive until the block, or the process, ends."""
        self._workers.mkdir(exist_ok=True)
        name = uuid4().hex
        path = self._workers / name
        with path.open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield name
            path.unlink(missing_ok=True)

    def lives(self, worker: str) -> bool:
        """Whether a worker is still there."""
        path = self._workers / worker
        try:
            with path.open("ab" if path.exists() else "rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False
