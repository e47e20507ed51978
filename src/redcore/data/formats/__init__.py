"""Readers of data files, one module per format.

The module of a format defines

- ``Options``: a subclass of `redcore._settings.Settings` with the options of the reader;
- ``recognises(path) -> bool``: return True if a path has the suffix or folder layout of the format, without reading
  data;
- ``read(path, options) -> MultimodalData``: read the data. Errors are `DataError`, and their messages begin with the
  path of the invalid file.

The contract tests and the fuzz test need a writer of a small file of each format: ``tests/samples/formats/<name>.py``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redcore._discovery import load, names
from redcore.data import MultimodalData
from redcore.exceptions import DataError

__all__ = ["guess", "read"]


def read(path: Path, format: str | None = None, options: Mapping[str, Any] | None = None) -> MultimodalData:  # noqa: A002
    """Read data of any supported format.

    Parameters
    ----------
    path : Path
        File or folder, depending on the format.
    format : str, optional
        Name of the format. Default: guessed from the path.
    options : mapping, optional
        Options of the reader; see ``Options`` of its module.

    Raises
    ------
    DataError
        If the path does not exist, its format is not recognised, or its content is invalid.
    UnknownNameError, SettingsError
        If the format or an option is unknown, or an option is invalid.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    reader = load(__name__, format or guess(path), "format")
    data: MultimodalData = reader.read(path, reader.Options.parse(options or {}))
    return data


def guess(path: Path) -> str:
    """Return the name of the first format that recognises the path.

    Raises
    ------
    DataError
        If no format recognises it.
    """
    for name in names(__name__):
        if load(__name__, name, "format").recognises(path):
            return name
    kind = "this folder" if path.is_dir() else f"files ending in {path.suffix!r}"
    raise DataError(f"{path}: no reader recognises {kind}; known formats: {', '.join(names(__name__))}")
