"""Folders with one ``.npy`` file per modality and sample, and ``labels.csv``; an absent file is a missing modality.

``<root>/<modality>/<id>.npy`` contains an array (n_features,), (time, n_features) or, for an image, (channels, height,
width). The option `tokens` declares modalities of token ids, (time,). ``<root>/labels.csv`` has the
columns ``id`` and ``label``, and optionally ``group`` and ``split`` (0, 1, 2 or train, validation, test).
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore._validation import SPLIT_CODES
from redcore.data import MultimodalData, Target, decide_target
from redcore.data._columns import labels_from_text
from redcore.data._npy import read_npy
from redcore.data.formats._expected import Expected
from redcore.exceptions import DataError

__all__ = ["Options", "read", "read_for", "recognises"]

LABELS = "labels.csv"
SUFFIX = ".npy"
MAX_LABEL_BYTES = 2**30
MAX_NAME_BYTES = 255 - len(SUFFIX)


def _paddings(value: Any) -> Any:
    """Parse ``"text=0,title=0"``."""
    return dict(part.split("=", 1) for part in value.split(",") if "=" in part) if isinstance(value, str) else value


class Options(Settings):
    """Options of the reader.

    Attributes
    ----------
    task : {"auto", "classes", "numbers"}, default "auto"
        Read labels as classes or as a continuous target. "auto": a continuous target if all labels are numbers and at
        least one is fractional, else classes.
    labels : str, default "labels.csv"
        Name of the label file in the folder.
    id, label, group, split : str
        Names of the columns of the label file. The columns `group` and `split` are optional.
    tokens : mapping of str to int, default {}
        Padding id by modality, for modalities of token ids. As text: ``"text=0,title=0"``.
    """

    task: Literal["auto", "classes", "numbers"] = "auto"
    labels: str = LABELS
    id: str = "id"
    label: str = "label"
    group: str = "group"
    split: str = "split"
    tokens: Annotated[dict[str, int], BeforeValidator(_paddings)] = Field(default_factory=dict)


def recognises(path: Path) -> bool:
    """Return True if the path is a folder with ``labels.csv`` and at least one folder."""
    return path.is_dir() and (path / LABELS).is_file() and any(inner.is_dir() for inner in path.iterdir())


def read(path: Path, options: Options) -> MultimodalData:
    """Read a folder.

    Parameters
    ----------
    path : Path
    options : Options

    Raises
    ------
    DataError
        If the labels are absent or damaged, if an id or a link points outside the folder, or if an array is damaged or
        belongs to a sample without a label. The message names the file.
    """
    table = _labels(_label_file(path, options), options)
    return _data(path, options, table, _target(path, options, table[options.label]))


def read_for(path: Path, options: Options, expected: Expected) -> MultimodalData:
    """Read a folder for a model. Labels may be empty, and the label file may be absent.

    Without a label file, the samples are those of the arrays.

    Raises
    ------
    DataError
        As `read`.
    """
    label_file = _label_file(path, options)
    if not expected.needs_target and not label_file.exists():
        return expected.conform(path, _data(path, options, {options.id: _ids_of_files(path)}, None))
    table = _labels(label_file, options, needs_label=expected.needs_target)
    labels = table.get(options.label, [""])
    schema = expected.schema
    target = expected.target(path, lambda: schema.target_of(np.array(labels))) if any(labels) else None
    return expected.conform(path, _data(path, options, table, target))


def _label_file(path: Path, options: Options) -> Path:
    labels = path / _checked_name(path, "labels", options.labels)
    if not _within(path, labels):
        raise DataError(f"{labels}: the link points outside the folder, which is not allowed")
    return labels


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _ids_of_files(path: Path) -> list[str]:
    """Return the ids of all arrays of all modalities, sorted."""
    files = [file for folder in _folders(path) for file in folder.iterdir() if not file.name.startswith(".")]
    if not files:
        raise DataError(f"{path}: contains no arrays of the form <modality>/<id>{SUFFIX}")
    return sorted({file.name.removesuffix(SUFFIX) for file in files})


def _data(path: Path, options: Options, table: Mapping[str, list[str]], target: Target | None) -> MultimodalData:
    label_file = path / options.labels
    ids = [_checked_name(label_file, f"row {row + 1}, id", name) for row, name in enumerate(table[options.id])]
    modalities = {}
    for inner in _folders(path):
        _check_known_files(inner, ids, options)
        modalities[inner.name] = [_array(path, inner / f"{name}{SUFFIX}") for name in ids]
    if not modalities:
        raise DataError(f"{path}: no folder of a modality next to {options.labels}")
    try:
        return MultimodalData.from_arrays(
            modalities,
            target,
            groups=np.array(table[options.group]) if options.group in table else None,
            sample_ids=np.array(ids),
            split=_split(table[options.split]) if options.split in table else None,
            tokens=options.tokens,
        )
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _checked_name(where: Path, what: str, name: str) -> str:
    """Return `name`; raise `DataError` if it is not a valid file name or points to another folder."""
    is_plain = name.isprintable() and name not in ("", ".", "..") and not set(name) & set("/\\")
    if not is_plain or len(name.encode()) > MAX_NAME_BYTES:
        raise DataError(f"{where}: {what} {name[:80]!a} is not a plain file name")
    return name


def _labels(path: Path, options: Options, needs_label: bool = True) -> dict[str, list[str]]:
    """Read the label file and return its columns by name."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a table with id and label of every sample")
    if path.stat().st_size > MAX_LABEL_BYTES:
        raise DataError(f"{path}: {path.stat().st_size} bytes, expected at most {MAX_LABEL_BYTES}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream, strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV table ({error})") from None
    return _columns(path, rows, (options.id, options.label) if needs_label else (options.id,))


def _columns(path: Path, rows: Sequence[Sequence[str]], needed: Sequence[str]) -> dict[str, list[str]]:
    header = [name.strip() for name in rows[0]] if rows else []
    for required in needed:
        if required not in header:
            raise DataError(f"{path}: no column {required!r}; columns: {', '.join(header)[:200] or 'none'}")
    if len(set(header)) < len(header):
        raise DataError(f"{path}: two columns have the same name: {', '.join(header)[:200]}")
    if len(rows) == 1:
        raise DataError(f"{path}: contains no samples")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(f"{path}: row {number} has {len(row)} cells, expected {len(header)}")
    columns = {name: [row[index].strip() for row in rows[1:]] for index, name in enumerate(header)}
    for required in needed:
        if "" in columns[required]:
            raise DataError(f"{path}: row {columns[required].index('') + 1} has no {required}")
    return columns


def _check_known_files(folder: Path, ids: Sequence[str], options: Options) -> None:
    known = {f"{name}{SUFFIX}" for name in ids}
    for file in sorted(folder.iterdir()):
        if file.name not in known and not file.name.startswith("."):
            raise DataError(
                f"{folder}: {file.name!a} does not belong to a sample of {options.labels}; expected <id>{SUFFIX}"
            )


def _within(root: Path, path: Path) -> bool:
    """Return True if `path`, after following links, is inside the folder `root`."""
    return path.resolve().is_relative_to(root.resolve())


def _array(root: Path, path: Path) -> AnyArray | None:
    """Read one array, None if the file does not exist."""
    if not path.exists():
        if path.is_symlink():
            raise DataError(f"{path}: the target of the link does not exist")
        return None
    if not _within(root, path):
        raise DataError(f"{path}: the link points outside the folder, which is not allowed")
    # opening a named pipe would block
    if not path.is_file():
        raise DataError(f"{path}: not a file")
    array = read_npy(path)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}: an array of {array.dtype}, expected numbers")
    if array.ndim not in (1, 2, 3):
        raise DataError(
            f"{path}: shape {array.shape}, expected (n_features,), (time, n_features) or (channels, height, width)"
        )
    return array


def _target(path: Path, options: Options, labels: Sequence[str]) -> Target:
    values = np.array(labels)
    typed = values if options.task == "numbers" else labels_from_text(values)
    if options.task == "classes" and typed.dtype.kind == "f":
        typed = values
    try:
        return decide_target(typed, options.task, f"column {options.label!r}")
    except DataError as error:
        raise type(error)(f"{path / options.labels}: {error}") from None


def _split(values: Sequence[str]) -> AnyArray:
    for row, value in enumerate(values):
        if value.lower() not in SPLIT_CODES:
            raise DataError(f"row {row + 1}: split {value!r}, expected train, validation or test")
    return np.array([SPLIT_CODES[value.lower()] for value in values])
