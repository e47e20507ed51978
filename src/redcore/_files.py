"""Atomic writing of files: readers never see a partial file, even if the writer is killed. Locks of outputs."""

import json
import os
import socket
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from redcore.exceptions import RunError

__all__ = [
    "check_regular",
    "json_checksum",
    "json_text",
    "locked",
    "read_json",
    "write_atomic",
    "write_json",
    "writing",
]

SPECIAL = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def check_regular(path: Path, folder: bool = False) -> None:
    """Raise `RunError` if `path` exists and is not a regular file, such as a FIFO, whose reading would never end.

    Parameters
    ----------
    path : Path
    folder : bool, default False
        If True, folders are allowed too.
    """
    try:
        kind = SPECIAL.get(stat.S_IFMT(path.stat().st_mode))
    except OSError:
        return
    if kind is not None and not (folder and path.is_dir()):
        raise RunError(f"{path}: is {kind}, expected a regular file{' or a folder' if folder else ''}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert an `OSError` inside the block, such as a full disk, to a `RunError` that names `path` and the reason."""
    try:
        yield
    except OSError as error:
        # Arrow puts the reason at the end of a longer text
        reason = str(error).rpartition("] ")[2] if error.errno is None else os.strerror(error.errno)
        raise RunError(f"{path}: cannot be written ({reason})") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on an output, a file ``.<name>.lock`` next to it, inside the block.

    The lock ends with the process, also if it is killed.

    Raises
    ------
    RunError
        If another process holds the lock, with its id and host, or if the lock cannot be created.
    """
    import fcntl  # not on Windows

    path = path.absolute()
    lock = path.with_name(f".{path.name}.lock")
    with writing(path):
        lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with writing(path):
            stream = lock.open("a+")
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.seek(0)
                raise RunError(f"{path}: is in use by {stream.read().strip() or 'another process'}") from None
            if not _is_same_file(stream.fileno(), lock):
                continue  # the previous holder has removed this file
            with writing(path):
                stream.truncate(0)
                stream.write(f"process {os.getpid()} on {socket.gethostname()}")
                stream.flush()
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Create or replace a file atomically.

    The content is written to a temporary file in the same folder, flushed to disk and moved to `path`.

    Parameters
    ----------
    path : Path
        File to create or replace. Its folder must exist.
    write : callable
        Function that writes the content to the path it is called with. This temporary path has the suffix of `path`.

    Raises
    ------
    RunError
        If the file cannot be written, for example because the disk is full, or `path` is not a regular file.
    """
    check_regular(path)
    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:8]}{path.suffix}")
    with writing(path):
        try:
            write(temporary)
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def json_text(content: dict[str, Any]) -> str:
    """Return `content` as indented JSON. NaN and infinity raise `ValueError`."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def json_checksum(content: Any) -> int:
    """Return a checksum of content for JSON. It is the same after the content was written and read."""
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path` as indented JSON, atomically. NaN and infinity raise `ValueError`."""
    raw = json_text(content).encode()
    write_atomic(path, lambda temporary: temporary.write_bytes(raw))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from `path`.

    Raises
    ------
    RunError
        If the file cannot be read or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict):
        raise RunError(f"{path}: damaged (not a JSON object)")
    return content
