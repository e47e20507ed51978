"""Readers of data files, one module per format.

A module offers

- ``Options``, a subclass of `redcore._settings.Settings`: what must be said beside the path;
- ``recognises(path) -> bool``: whether a path looks like this format, by ending or layout, without reading data;
- ``read(path, options) -> MultimodalData``, whose errors are `DataError` and begin with the file at fault.

The contract tests and the fuzz run need a writer of a small file of each format: ``tests/samples/formats/<name>.py``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redcore._discovery import load, names
from redcore.data import MultimodalData
from redcore.exceptions import DataError

__all__ = ["guess", "read"]


def read(path: Path, format: str | None = None, options: Mapping[str, Any] | None = None) -> MultimodalData:  # noqa: A002
    """Read data of any known format.

    Parameters
    ----------
    path : Path
        A file, or a folder for the formats that are folders.
    format : str, optional
        Name of the format. Default: guessed from the path.
    options : mapping, optional
        Options of the reader, see ``Options`` of its module.

    Raises
    ------
    DataError
        If nothing is there, no reader knows the format, or the content is not what the format says.
    UnknownNameError, SettingsError
        On an unknown format or option.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    reader = load(__name__, format or guess(path), "format")
    data: MultimodalData = reader.read(path, reader.Options.parse(options or {}))
    return data


def guess(path: Path) -> str:
    """Return the name of the format that a path looks like.

    Raises
    ------
    DataError
        If it looks like none.
    """
    for name in names(__name__):
        if load(__name__, name, "format").recognises(path):
            return name
    what = "this folder" if path.is_dir() else f"files ending in {path.suffix!r}"
    raise DataError(f"{path}: no reader recognises {what}; known formats: {', '.join(names(__name__))}")
