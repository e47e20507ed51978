"""Readers of data files, one module per format.

The module of a format defines

- ``Options``: a subclass of `redcore._settings.Settings` with the options of the reader;
- ``recognises(path) -> bool``: return True if a path has the suffix or folder layout of the format, without reading
  data;
- ``read(path, options) -> MultimodalData``: read the data. Errors are `DataError`, and their messages begin with the
  path of the invalid file;
- optionally ``read_for(path, options, expected) -> MultimodalData``: read the data for a model; see `Expected`. Labels
  may be absent, and the target gets kind and classes of the model;
- optionally ``resolved(path, options) -> Options``: return the options including those stored next to the file.

The contract tests and the fuzz test need a writer of a small file of each format: ``tests/samples/formats/<name>.py``.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from redcore._discovery import load, names
from redcore.data import MultimodalData
from redcore.data.formats._expected import Expected
from redcore.exceptions import DataError

__all__ = ["Expected", "guess", "read", "read_for", "source_options"]


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


def read_for(path: Path, expected: Expected) -> MultimodalData:
    """Read data of any supported format for a model.

    The format is guessed from the path, or is that of the training data. If it is that of the training data, so are the
    options; options stored next to the file override them.

    Parameters
    ----------
    path : Path
        File or folder, depending on the format.
    expected : Expected
        Model, and whether labels are needed.

    Raises
    ------
    DataError
        As `read`, or if the features of a modality are not those of the model.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    name = _format_for(path, expected)
    reader = load(__name__, name, "format")
    options = reader.Options.parse({})
    if name != expected.data_format:
        expected = replace(expected, options={})
    elif not hasattr(reader, "resolved"):
        options = reader.Options.parse(expected.options)
    if hasattr(reader, "read_for"):
        return cast(MultimodalData, reader.read_for(path, options, expected))
    return expected.conform(path, reader.read(path, options))


def _format_for(path: Path, expected: Expected) -> str:
    """Return the format of data for a model. A folder without labels is recognised by the format of the training data.

    A model that was trained on a folder predicts folders whose label file is absent.
    """
    try:
        return guess(path)
    except DataError:
        if expected.data_format is None or not path.is_dir() or expected.needs_target:
            raise
        return expected.data_format


def source_options(
    path: Path, data_format: str | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the format of a file and the options to read it, as JSON-serialisable ``format`` and ``options``.

    Options include those stored next to the file, overridden by `options`. Options with default values are left out.
    """
    name = data_format or guess(path)
    reader = load(__name__, name, "format")
    parsed = reader.Options.parse(options or {})
    if hasattr(reader, "resolved"):
        parsed = reader.resolved(path, parsed)
    return {"format": name, "options": parsed.model_dump(mode="json", exclude_defaults=True)}


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
