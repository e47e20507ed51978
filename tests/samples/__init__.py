"""Writers of small files in the exact form of every format, every public data set and all pretrained weights.

A module of ``samples.formats``, ``samples.datasets`` or ``samples.weights`` has the name of its format, data set or
method and one function, ``write_sample(folder) -> Path``, which writes the files and returns the path to read.
"""

from pathlib import Path

from redcore._discovery import load, names

__all__ = ["write_dataset", "write_format", "write_weights"]


def write_format(name: str, folder: Path) -> Path:
    """Write a sample of a format, and return the path to read.

    The writer is ``write_sample`` of ``samples.formats.<name>``. If there is no such module, as for a plug-in, it is
    ``write_sample`` of the module of the format.

    Raises
    ------
    LookupError
        If there is neither.
    """
    if name in names("samples.formats"):
        module = load("samples.formats", name, "sample of a format")
    else:
        module = load("redcore.data.formats", name, "format")
    if not hasattr(module, "write_sample"):
        raise LookupError(f"no sample of format {name!r}, expected tests/samples/formats/{name}.py with write_sample")
    path: Path = module.write_sample(folder)
    return path


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
