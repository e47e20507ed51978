"""A folder per modality of ``.npy`` files named by sample id, and ``labels.csv``; an absent file is a missing modality.

``<root>/<modality>/<id>.npy`` holds (n_features,) or (time, n_features) numbers; ``<root>/labels.csv`` has the columns
``id`` and ``label``, and may have ``group`` and ``split`` (0, 1, 2 or train, validation, test).
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO, Literal

import numpy as np

from redcore._settings import Settings
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError

__all__ = ["Options", "read", "recognises"]

LABELS = "labels.csv"
ENDING = ".npy"
SPLITS = {"train": 0, "validation": 1, "valid": 1, "val": 1, "dev": 1, "test": 2, "0": 0, "1": 1, "2": 2}
MAX_LABEL_BYTES = 2**30
MAX_NAME_BYTES = 255 - len(ENDING)
MAX_HEADER_BYTES = 2**16
DAMAGE = (OSError, ValueError, EOFError, SyntaxError, TokenError, RecursionError, MemoryError, OverflowError, TypeError)
"""What NumPy raises on damaged headers, which are Python literals."""


class Options(Settings):
    """What is not said by the folder itself.

    Attributes
    ----------
    task : {"auto", "classes", "numbers"}, default "auto"
        What labels are. "auto": numbers if all are numbers and any is fractional, else classes.
    labels : str, default "labels.csv"
        Name of the file in the folder.
    id, label, group, split : str
        Names of its columns; the last two need not be there.
    """

    task: Literal["auto", "classes", "numbers"] = "auto"
    labels: str = LABELS
    id: str = "id"
    label: str = "label"
    group: str = "group"
    split: str = "split"


def recognises(path: Path) -> bool:
    """Whether it is a folder with ``labels.csv`` and at least one folder."""
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
        If the labels are absent or damaged, an id would lead out of the folder, or an array is truncated, foreign or of
        a sample without a label; the message names the file.
    """
    labels = path / _plain(path, "labels", options.labels)
    if not _within(path, labels):
        raise DataError(f"{labels}: a link that leads out of the folder, which is refused")
    table = _labels(labels, options)
    ids = [_plain(path / options.labels, f"row {row + 1}, id", name) for row, name in enumerate(table[options.id])]
    modalities = {}
    for inner in sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")):
        _check_known_files(inner, ids, options)
        modalities[inner.name] = [_array(path, inner / f"{name}{ENDING}") for name in ids]
    if not modalities:
        raise DataError(f"{path}: no folder of a modality beside {options.labels}")
    try:
        return MultimodalData.from_arrays(
            modalities,
            _target(table[options.label], options.task),
            groups=np.array(table[options.group]) if options.group in table else None,
            sample_ids=np.array(ids),
            split=_split(table[options.split]) if options.split in table else None,
        )
    except DataError as error:
        raise type(error)(f"{path}: {error}") from None


def _plain(where: Path, what: str, name: str) -> str:
    """Return a file name, or refuse one that would lead elsewhere or cannot be one."""
    plain = name.isprintable() and name not in ("", ".", "..") and not set(name) & set("/\\")
    if not plain or len(name.encode()) > MAX_NAME_BYTES:
        raise DataError(f"{where}: {what} {name[:80]!a} is not a plain file name")
    return name


def _labels(path: Path, options: Options) -> dict[str, list[str]]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; it gives id and label of every sample")
    if path.stat().st_size > MAX_LABEL_BYTES:
        raise DataError(f"{path}: {path.stat().st_size} bytes, more than a table of labels can have")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [row for row in csv.reader(stream, strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV table ({error})") from None
    return _columns(path, rows, options)


def _columns(path: Path, rows: Sequence[Sequence[str]], options: Options) -> dict[str, list[str]]:
    header = [name.strip() for name in rows[0]] if rows else []
    for needed in (options.id, options.label):
        if needed not in header:
            raise DataError(f"{path}: no column {needed!r}; found {', '.join(header)[:200] or 'nothing'}")
    if len(set(header)) < len(header):
        raise DataError(f"{path}: two columns have the same name: {', '.join(header)[:200]}")
    if len(rows) == 1:
        raise DataError(f"{path}: no sample")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(f"{path}: row {number} has {len(row)} cells, expected {len(header)}")
    columns = {name: [row[place].strip() for row in rows[1:]] for place, name in enumerate(header)}
    for needed in (options.id, options.label):
        if "" in columns[needed]:
            raise DataError(f"{path}: row {columns[needed].index('') + 1} has no {needed}")
    return columns


def _check_known_files(folder: Path, ids: Sequence[str], options: Options) -> None:
    known = {f"{name}{ENDING}" for name in ids}
    for file in sorted(folder.iterdir()):
        if file.name not in known and not file.name.startswith("."):
            raise DataError(
                f"{folder}: {file.name!a} is not in {options.labels}; expected <id>{ENDING} of a sample that is"
            )


def _within(root: Path, path: Path) -> bool:
    """Whether a file, should it be a link, is one to a place inside the folder."""
    return path.resolve().is_relative_to(root.resolve())


def _array(root: Path, path: Path) -> AnyArray | None:
    if not path.exists():
        if path.is_symlink():
            raise DataError(f"{path}: a link that leads nowhere")
        return None
    if not _within(root, path):
        raise DataError(f"{path}: a link that leads out of the folder, which is refused")
    # opening a pipe would wait for ever
    if not path.is_file():
        raise DataError(f"{path}: not a file")
    try:
        with path.open("rb") as stream:
            return _checked(path, stream)
    except DAMAGE as error:
        if isinstance(error, DataError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable npy array: truncated, or of another format ({reason})") from None


def _checked(path: Path, opened: BinaryIO) -> AnyArray:
    """Read one array whose header agrees with the size of the file; nothing is allocated before that is known."""
    # a header may declare any length of itself
    start = io.BytesIO(opened.read(MAX_HEADER_BYTES))
    version = np.lib.format.read_magic(start)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(start)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise DataError(f"{path}: an array of {dtype}, expected numbers")
    there = path.stat().st_size - start.tell()
    if len(shape) not in (1, 2) or math.prod(shape) * dtype.itemsize != there:
        raise DataError(
            f"{path}: shape {shape} of {dtype} with {there} bytes of data, expected (n_features,) or (time, n_features)"
        )
    opened.seek(0)
    array: AnyArray = np.load(opened, allow_pickle=False)
    return array


def _target(labels: Sequence[str], task: str) -> Target:
    numbers = _numbers(labels)
    if numbers is None and task == "numbers":
        raise DataError("labels are not all numbers")
    if numbers is not None and (task == "numbers" or (task == "auto" and (numbers % 1 != 0).any())):
        return Target.from_numbers(numbers)
    whole = numbers is not None and task == "auto"
    return Target.from_labels(numbers.astype(np.int64) if numbers is not None and whole else np.array(labels))


def _numbers(labels: Sequence[str]) -> AnyArray | None:
    try:
        numbers = np.array([float(label) for label in labels])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() and (np.abs(numbers) < 2**53).all() else None


def _split(values: Sequence[str]) -> AnyArray:
    known: Mapping[str, int] = SPLITS
    for row, value in enumerate(values):
        if value.lower() not in known:
            raise DataError(f"row {row + 1}: split {value!r}, expected train, validation or test")
    return np.array([known[value.lower()] for value in values])
