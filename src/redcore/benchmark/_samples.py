"""Predictions per test sample and missing pattern of one cell, as a small file next to its record."""

import io
import zipfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import numpy as np

from redcore._files import write_atomic
from redcore._types import AnyArray, IntArray
from redcore.exceptions import RunError
from redcore.metrics import AS_OBSERVED, SamplePredictions, influence

__all__ = [
    "Influence",
    "Over",
    "SampleFile",
    "packed_samples",
    "read_samples",
    "samples_name",
    "samples_path",
    "write_samples",
]

Over = Literal["patterns", "pooled", "as_observed"]

FIELDS = ("decided", "argmax", "log_loss", "confidence", "predicted")
STORED = {"log_loss": np.float16, "confidence": np.float16, "predicted": np.float32}
"""Data types of stored numbers. Half precision keeps three significant digits."""


@dataclass(frozen=True)
class Influence:
    """Influence of the test units on a score; see `redcore.metrics.influence`.

    Attributes
    ----------
    units : str array (n_units,)
        Sorted names of the groups of the test samples, or of the samples if the data has no groups.
    values : array (n_units,)
        Sum of the influences of the samples of each unit.
    """

    units: AnyArray
    values: AnyArray

    @classmethod
    def of_units(cls, units: AnyArray, values: AnyArray) -> Self:
        """Return the sums of `values` over equal `units`."""
        names, index = np.unique(units, return_inverse=True)
        return cls(names, np.bincount(index, values, len(names)))


@dataclass
class SampleFile:
    """Predictions of one cell for the samples of its test split, by missing pattern.

    Attributes
    ----------
    units : str array (n_test,)
        Group of each test sample, or its id if the data has no groups.
    rows, predictions : dict of str
        Rows of the scored samples (n_scored,) and their predictions, by name of the missing pattern. The name
        `redcore.metrics.AS_OBSERVED` stands for all samples with their own observed modalities.
    """

    units: AnyArray
    rows: dict[str, IntArray] = field(default_factory=dict)
    predictions: dict[str, SamplePredictions] = field(default_factory=dict)

    def add(self, name: str, rows: IntArray, predictions: SamplePredictions | None) -> None:
        """Add the predictions under one missing pattern; None, for targets of several outputs, is ignored."""
        if predictions is not None:
            self.rows[name], self.predictions[name] = rows, predictions

    def to_bytes(self) -> bytes:
        """Return the content as a compressed npz file.

        Arrays have one row per pattern and one column per test sample. Classes have the smallest integer type, log
        losses and confidences half precision.
        """
        names = list(self.predictions)
        arrays: dict[str, AnyArray] = {"units": self.units.astype(str), "patterns": np.array(names, dtype=str)}
        arrays["scored"] = np.zeros((len(names), len(self.units)), dtype=bool)
        for place, name in enumerate(names):
            arrays["scored"][place, self.rows[name]] = True
        for content in ("target", *FIELDS):
            columns = [getattr(predictions, content) for predictions in self.predictions.values()]
            if columns and columns[0] is not None:
                table = np.zeros((len(names), len(self.units)), dtype=_stored_type(content, columns))
                table[arrays["scored"]] = np.concatenate(columns)
                arrays[content] = table
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Return the content of a file written by `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in arrays.files}
        samples = cls(stored["units"])
        for place, name in enumerate(stored["patterns"].tolist()):
            rows = np.flatnonzero(stored["scored"][place])
            columns = {key: _widened(stored[key][place, rows]) for key in ("target", *FIELDS) if key in stored}
            samples.add(name, rows, SamplePredictions(**columns))
        return samples

    def influence(self, score: str, over: Over | tuple[str, ...]) -> Influence | None:
        """Return the influence of each test unit on a score of the cell, or None if it is unknown.

        For the mean over missing patterns, the influences on the scores of the patterns are averaged. A sample that is
        scored under several patterns is one sample, so that the dependence between the patterns is included. A tuple
        of names selects missing patterns.
        """
        if over == "as_observed":
            over = (AS_OBSERVED,)
        chosen = over if isinstance(over, tuple) else tuple(name for name in self.predictions if name != AS_OBSERVED)
        names = [name for name in chosen if name in self.predictions]
        if not names:
            return None
        rows = np.concatenate([self.rows[name] for name in names])
        if over == "pooled":
            values = influence(score, _joined([self.predictions[name] for name in names]))
        else:
            parts = [influence(score, self.predictions[name]) for name in names]
            n_defined = sum(part is not None for part in parts)
            zeros = [
                np.zeros(len(self.rows[name])) if part is None else part
                for name, part in zip(names, parts, strict=True)
            ]
            values = np.concatenate(zeros) / n_defined if n_defined else None
        return None if values is None else Influence.of_units(self.units[rows], values)


def _stored_type(content: str, columns: list[AnyArray]) -> np.dtype[np.generic]:
    if content in STORED:
        return np.dtype(STORED[content])
    largest = max(column.max(initial=0) for column in columns)
    return np.min_scalar_type(int(largest)) if columns[0].dtype.kind in "iu" else np.dtype(np.float32)


def _widened(column: AnyArray) -> AnyArray:
    return column.astype(np.int64 if column.dtype.kind in "iu" else np.float64)


def _joined(parts: list[SamplePredictions]) -> SamplePredictions:
    columns: dict[str, AnyArray] = {}
    for key in ("target", *FIELDS):
        values = [getattr(part, key) for part in parts]
        if values[0] is not None:
            columns[key] = np.concatenate(values)
    return SamplePredictions(**columns)


def samples_name(key: str) -> str:
    """Return the path of the samples of a cell, relative to the folder of the benchmark."""
    return f"samples/{key}.npz"


def packed_samples(path: Path) -> Path:
    """Return the path of the samples that belong to a file of packed records."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".jsonl") + ".samples.zip")


def samples_path(source: Path, key: str) -> Path | None:
    """Return the file with the samples of a cell of a benchmark folder or a packed file; None if it does not exist."""
    path = source / samples_name(key) if source.is_dir() else packed_samples(source)
    return path if path.is_file() else None


def read_samples(source: Path, key: str) -> SampleFile | None:
    """Read the samples of a cell from a benchmark folder or next to a file of packed records; None without a file.

    Raises
    ------
    RunError
        If the file is damaged. The message names it.
    """
    path = samples_path(source, key)
    if path is None:
        return None
    try:
        if path.suffix == ".npz":
            return SampleFile.from_bytes(path.read_bytes())
        archive, name = _opened(path, path.stat().st_mtime_ns), samples_name(key)
        return SampleFile.from_bytes(archive.read(name)) if name in archive.NameToInfo else None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(f"{path}: damaged samples of {key} ({error})") from None


def write_samples(path: Path, samples: SampleFile) -> None:
    """Write the samples of a cell atomically. The folder must exist."""
    content = samples.to_bytes()
    write_atomic(path, lambda temporary: temporary.write_bytes(content))


@lru_cache(maxsize=4)
def _opened(path: Path, modified: int) -> zipfile.ZipFile:
    """Return an open archive. It stays open, because reading its index takes longer than reading one cell."""
    return zipfile.ZipFile(path)
