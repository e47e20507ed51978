"""Write files so that a reader, or a killed writer, never sees half of one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from redcore.exceptions import RunError

__all__ = ["json_text", "read_json", "write_atomic", "write_json"]


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a new file beside `path`, flush it to disk, then put it in the place of `path`.

    Parameters
    ----------
    path : Path
        The file to create or replace. Its folder must exist.
    write : callable
        Called with the temporary path; it keeps the ending of `path`.
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
    """Return `content` as indented JSON; NaN and infinity are refused."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to `path` as indented JSON, atomically; NaN and infinity are refused."""
    raw = json_text(content).encode()
    write_atomic(path, lambda temporary: temporary.write_bytes(raw))


def read_json(path: Path) -> dict[str, Any]:
    """Return what `write_json` wrote.

    Raises
    ------
    RunError
        If the file is absent or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict):
        raise RunError(f"{path}: damaged (not a JSON object)")
    return content
