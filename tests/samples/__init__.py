"""Writers of small files in the exact form of every format, every public data set and all pretrained weights.

A module of ``samples.formats``, ``samples.datasets`` or ``samples.weights`` has the name of its format, data set or
method and the function ``write_sample(folder) -> Path``, which writes the files and returns the path to read. That of a
format also has ``remove_labels(path)``, which removes the labels of these files.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from redcore._discovery import load, names

__all__ = ["remove_labels", "write_dataset", "write_format", "write_weights"]


def write_format(name: str, folder: Path) -> Path:
    """Write a sample of a format, and return the path to read.

    Raises
    ------
    LookupError
        If there is no writer; see `_of_format`.
    """
    path: Path = _of_format(name, "write_sample")(folder)
    return path


def remove_labels(name: str, path: Path) -> None:
    """Remove the labels of a sample of a format.

    Raises
    ------
    LookupError
        If there is no function for this; see `_of_format`.
    """
    _of_format(name, "remove_labels")(path)


def _of_format(name: str, function: str) -> Callable[..., Any]:
    """Return a function of ``samples.formats.<name>``, or of the format itself if it is a plug-in."""
    if name in names("samples.formats"):
        module = load("samples.formats", name, "sample of a format")
    else:
        module = load("redcore.data.formats", name, "format")
    if not hasattr(module, function):
        raise LookupError(f"no sample of format {name!r}, expected tests/samples/formats/{name}.py with {function}")
    found: Callable[..., Any] = getattr(module, function)
    return found


def write_dataset(name: str, folder: Path) -> Path:
    """Write a sample of a public data set, and return the folder to read.

    Raises
    ------
    UnknownNameError
        If there is no writer of this name in ``samples.datasets``.
    """
    path: Path = load("samples.datasets", name, "sample of a data set").write_sample(folder)
    return path


def write_weights(name: str, folder: Path) -> Path:
    """Write tiny weights of a pretrained method, and return the value of its setting ``weights``.

    Raises
    ------
    UnknownNameError
        If there is no writer of this name in ``samples.weights``.
    """
    path: Path = load("samples.weights", name, "sample of pretrained weights").write_sample(folder)
    return path
