"""Reading of bundled data sets, files of any known format and files of public data sets."""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from redcore._discovery import is_known, names
from redcore._files import check_regular
from redcore._progress import stage, tracked
from redcore.data import MultimodalData
from redcore.data.formats import Expected, guess, read, read_for, source_options
from redcore.data.store import Store, is_store
from redcore.datasets import load_dataset, load_public
from redcore.exceptions import DataError

__all__ = ["SAMPLES_AT_ONCE", "checksum_of", "data_pieces", "read_data", "read_for_model", "read_source", "reader_of"]

IN_MEMORY_BYTES = 2**30
"""Size above which a store stays on disk and is read block by block."""
SAMPLES_AT_ONCE = 16_384
"""Number of samples in each chunk of `data_pieces`."""


def read_data(source: str, data_format: str | None = None, options: Mapping[str, Any] | None = None) -> MultimodalData:
    """Read a bundled data set, or a file or folder whose format follows from its path."""
    if _is_bundled(source):
        return load_dataset(source)
    path = _existing(source)
    with stage(f"reading {source}"):
        return Store(path).data() if _is_large_store(path) and not options else read(path, data_format, options)


def read_for_model(source: str, expected: Expected) -> MultimodalData:
    """Read data like `read_data`, for a model; see `redcore.data.formats.read_for`."""
    if _is_bundled(source):
        return load_dataset(source)
    path = _existing(source)
    with stage(f"reading {source}"):
        return Store(path).data() if _is_large_store(path) else read_for(path, expected)


def reader_of(
    source: str, data_format: str | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the format of a file and the options to read it; None for a bundled data set."""
    return None if _is_bundled(source) else source_options(_existing(source), data_format, options)


def _is_bundled(source: str) -> bool:
    return is_known("redcore.datasets", source) and not Path(source).exists()


def _existing(source: str) -> Path:
    if not Path(source).exists():
        raise DataError(f"{source!r} is neither a file nor a data set ({', '.join(names('redcore.datasets'))})")
    check_regular(Path(source), folder=True)
    return Path(source)


def _is_large_store(path: Path) -> bool:
    return is_store(path) and sum(file.stat().st_size for file in path.iterdir()) > IN_MEMORY_BYTES


def data_pieces(source: str, expected: Expected, first: int = 0) -> Iterator[MultimodalData]:
    """Yield the samples of a data source in chunks of `SAMPLES_AT_ONCE`, starting with chunk number `first`.

    Large stores stay on disk. Large Parquet tables are read in chunks, without their target. All other data is read
    into memory first.
    """
    path = Path(source)
    if path.suffix.lower() in (".parquet", ".pq") and path.is_file() and path.stat().st_size > IN_MEMORY_BYTES:
        from redcore.data.formats import table  # loads functions of Arrow, which takes a fifth of a second

        stream = table.stream(path, table.Options.parse(expected.overrides), SAMPLES_AT_ONCE, expected)
        yield from islice(tracked(stream, "predicting"), first, None)
        return
    data = read_for_model(source, expected)
    starts = range(first * SAMPLES_AT_ONCE, data.n_samples, SAMPLES_AT_ONCE)
    for start in tracked(starts, "predicting"):
        yield data.take(np.arange(start, min(start + SAMPLES_AT_ONCE, data.n_samples)))


def read_source(
    path: Path, *, data_format: str | None, dataset: str | None, fold: int, options: Mapping[str, Any]
) -> tuple[MultimodalData, str]:
    """Read data and return it with the name of its format or public data set."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    check_regular(path, folder=True)
    if dataset is not None:
        return load_public(dataset, path, fold), dataset
    data_format = data_format or guess(path)
    with stage(f"reading {path}"):
        return read(path, data_format, options), data_format


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files in a folder."""
    if path.is_file():
        return _file_checksum(path)
    if is_store(path):
        return Store(path, verify=False).fingerprint()
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path)}\0{_file_checksum(file)}\n".encode())
    return digest.hexdigest()


def _file_checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
