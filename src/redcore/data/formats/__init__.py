"""Readers of data files, one module per format: each offers ``read(path) -> MultimodalData``."""

from pathlib import Path

from redcore._discovery import load, names
from redcore.data import MultimodalData
from redcore.exceptions import DataError

__all__ = ["read"]


def read(path: Path) -> MultimodalData:
    """Read a data file; its format is known by its ending.

    Raises
    ------
    DataError
        If the file is absent, or no reader takes this ending.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    for name in names(__name__):
        reader = load(__name__, name, "format")
        if path.suffix.lower() in reader.SUFFIXES:
            data: MultimodalData = reader.read(path)
            return data
    raise DataError(
        f"{path}: no reader for files ending in {path.suffix!r}; known formats: {', '.join(names(__name__))}"
    )
