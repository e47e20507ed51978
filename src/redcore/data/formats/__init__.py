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

A format of another distribution is such a module, or an object or class with these attributes. Formats of this package
are tried first when the format of a path is guessed.

The contract tests and the fuzz test need a writer of a small file of each format: ``tests/samples/formats/<name>.py``.
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from redcore._discovery import check_interface, load, usable
from redcore.data import MultimodalData, sentinel_message, sentinels
from redcore.data.formats._expected import Expected
from redcore.exceptions import DataError, DataWarning

__all__ = ["Expected", "guess", "load_format", "read", "read_for", "source_options"]

INTERFACE = ("Options", "recognises", "read")


def load_format(name: Any) -> Any:
    """Return the module or object of a format.

    Parameters
    ----------
    name : str or object
        Name, dotted name, or an object with the attributes of a format.

    Raises
    ------
    UnknownNameError, PlugInError
        If there is no such format, if it cannot be imported, or if it does not have these attributes.
    """
    plug_in = load(__name__, name, "format") if isinstance(name, str) else name
    return check_interface(plug_in, INTERFACE, f"format {name!r}")


def read(path: Path, format: Any = None, options: Mapping[str, Any] | None = None) -> MultimodalData:  # noqa: A002
    """Read data of any supported format.

    Parameters
    ----------
    path : Path
        File or folder, depending on the format.
    format : str or object, optional
        Format; see `load_format`. Default: guessed from the path.
    options : mapping, optional
        Options of the reader; see ``Options`` of its module.

    Raises
    ------
    DataError
        If the path does not exist, its format is not recognised, or its content is invalid.
    UnknownNameError, SettingsError
        If the format or an option is unknown, or an option is invalid.

    Warns
    -----
    DataWarning
        If a number such as -999 probably stands for a missing value; see `redcore.data.sentinels`.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    reader = load_format(format or guess(path))
    data: MultimodalData = reader.read(path, reader.Options.parse(options or {}))
    if message := sentinel_message(sentinels(data)):
        warnings.warn(DataWarning(f"{path}: {message}"), stacklevel=2)
    return data


def read_for(path: Path, expected: Expected) -> MultimodalData:
    """Read data of any supported format for a model.

    The format is guessed from the path, or is that of the training data. If it is that of the training data, so are the
    options. Options stored next to the file override them, and `Expected.overrides` override both.

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
    reader = load_format(name)
    options = reader.Options.parse(expected.overrides)
    if name != expected.data_format:
        expected = replace(expected, options={})
    elif not hasattr(reader, "resolved"):
        options = reader.Options.parse({**expected.options, **expected.overrides})
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
    reader = load_format(name)
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
    formats = usable(__name__, "format")
    for name, plug_in in formats.items():
        if check_interface(plug_in, INTERFACE, f"format {name!r}").recognises(path):
            return name
    kind = "this folder" if path.is_dir() else f"files ending in {path.suffix!r}"
    raise DataError(f"{path}: no reader recognises {kind}; known formats: {', '.join(formats)}")
