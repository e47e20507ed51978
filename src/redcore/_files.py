"""Atomic writing of files: readers never see a partial file, even if the writer is killed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from redcore.exceptions import RunError

__all__ = ["json_text", "read_json", "write_atomic", "write_json"]


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Create or replace a file atomically.

    The content is written to a temporary file in the same folder, flushed to disk and moved to `path`.

    Parameters
    ----------
    path : Path
        File to create or replace. Its folder must exist.
    write : callable
        Function that writes the content to the path it is called with. This temporary path has the suffix of `path`.
    """
    temporary = path.with_name(f".{path.stem}-{uuid4().hex[:8]}{path.suffix}")
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
