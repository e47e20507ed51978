"""Writing of stores: into a temporary folder, with the card last, which is then renamed to the final folder."""

import hashlib
import shutil
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq

from redcore._files import write_json, writing
from redcore._progress import tracked
from redcore.data._dataset import MultimodalData
from redcore.data._precision import collapsed
from redcore.data.store._card import CARD_FILE, MAX_CARD_BYTES, StoreCard
from redcore.data.store._columns import table_of
from redcore.exceptions import DataError, PrecisionWarning, RunError

__all__ = ["StoreWriter", "file_sha256", "write_store"]

BLOCK_BYTES = 2**20
"""Approximate size of a block (row group), the unit of reading and shuffling."""

BLOCKS_PER_SHARD = 256


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class StoreWriter:
    """Writer of a store from chunks of data, in bounded memory.

    Use it as a context manager. The store appears in `folder` on a regular exit; on an exception, nothing is left.

    Parameters
    ----------
    folder : Path
        Folder of the store. It must not exist yet.
    **about
        Fields ``title``, ``source``, ``licence``, ``citation`` and ``origin`` of the card.

    Raises
    ------
    DataError
        If the folder exists or cannot be created, if the chunks do not have the same schema, or if there are none.

    Examples
    --------
    >>> import tempfile
    >>> data = MultimodalData.from_arrays({"audio": [[1.0, 2.0], None], "text": [[3.0], [4.0]]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with StoreWriter(Path(folder) / "store", title="two samples") as writer:
    ...         writer.append(data)
    ...     sorted(path.name for path in (Path(folder) / "store").iterdir())
    ['card.json', 'part-00000.parquet']
    """

    def __init__(self, folder: Path, **about: Any) -> None:
        self.folder, self.about = folder, about
        self._partial = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}.partial")
        self._form: dict[str, Any] | None = None
        self._shards: list[dict[str, Any]] = []
        self._parquet: pq.ParquetWriter | None = None
        self._missing_cells: Counter[str] = Counter()
        self._dtypes: dict[str, str] = {}
        self._blocks = 0
        self._n_samples = 0

    def __enter__(self) -> Self:
        if self.folder.exists():
            raise DataError(f"{self.folder}: exists already; nothing is overwritten")
        try:
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be created ({error.strerror})") from None
        return self

    def append(self, data: MultimodalData) -> None:
        """Append the samples of `data` to the store.

        Raises
        ------
        DataError
            If modalities or target differ from those of the first chunk.
        """
        form = StoreCard.form(data)
        if self._form is None:
            self._form = form
        elif form != self._form:
            place, got, expected = _difference(form, self._form)
            raise DataError(f"{self.folder}: got a chunk with {place} {got}, expected {expected} as in the first chunk")
        size = _block_samples(data)
        for start in tracked(range(0, data.n_samples, size), f"writing {self.folder}"):
            self._write_block(data.take(np.arange(start, min(start + size, data.n_samples))))

    def attach(self, name: str, raw: bytes) -> None:
        """Add a file with content `raw` to the folder of the store. Readers of the store ignore it."""
        with writing(self.folder):
            (self._partial / name).write_bytes(raw)

    def _write_block(self, block: MultimodalData) -> None:
        self._check_types(block)
        table = table_of(block, self._dtypes)
        if self._parquet is None:
            path = self._partial / f"part-{len(self._shards):05d}.parquet"
            self._parquet = pq.ParquetWriter(
                path, table.schema, compression="none", use_dictionary=["group", "y"], write_statistics=False
            )
            self._blocks = self._n_samples = 0
        try:
            with writing(self.folder):
                self._parquet.write_table(table, row_group_size=table.num_rows)
        except RunError:
            raise
        except ValueError as error:
            raise DataError(f"{self.folder}: the columns of a chunk differ from those of the first ({error})") from None
        for name, modality in block.modalities.items():
            if modality.has_missing_cells:
                self._missing_cells[name] += int(np.isnan(modality.values).sum())
        self._blocks += 1
        self._n_samples += block.n_samples
        if self._blocks == BLOCKS_PER_SHARD:
            self._close_shard()

    def _check_types(self, block: MultimodalData) -> None:
        """Take the type of each modality from the first block, and warn if a later block needs a finer one."""
        for name, modality in block.modalities.items():
            dtype = self._dtypes.setdefault(name, modality.dtype)
            if modality.is_raw and modality.dtype != dtype:
                raise DataError(
                    f"{self.folder}: modality {name!r} has {modality.form} of {modality.dtype}, expected {dtype} as in "
                    "the first chunk"
                )
            if dtype != "float64" and modality.values.dtype == np.float64:
                names = block.feature_names.get(name) or range(modality.n_features)
                columns = [str(names[index]) for index in np.flatnonzero(collapsed(modality.values))]
                warnings.warn(
                    f"{self.folder}: modality {name!r}: float32, the type of the first chunk, does not distinguish the "
                    f"values of {', '.join(columns[:5]) or 'a column'}",
                    PrecisionWarning,
                    stacklevel=4,
                )

    def _close_shard(self) -> None:
        if self._parquet is None:
            return
        parquet, self._parquet = self._parquet, None
        with writing(self.folder):
            parquet.close()
        path = self._partial / f"part-{len(self._shards):05d}.parquet"
        self._shards.append(
            {
                "file": path.name,
                "n_samples": self._n_samples,
                "n_bytes": path.stat().st_size,
                "sha256": file_sha256(path),
            }
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._close_shard()
                self._finish()
            elif self._parquet is not None:
                with suppress(OSError):
                    self._parquet.close()
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def _finish(self) -> None:
        if self._form is None:
            raise DataError(f"{self.folder}: no samples to write")
        n_samples = sum(shard["n_samples"] for shard in self._shards)
        for name, dtype in self._dtypes.items():
            self._form["modalities"][name] |= {"missing_cells": self._missing_cells[name], "dtype": dtype}
        card = StoreCard.checked({"n_samples": n_samples, **self._form, "shards": self._shards, **self.about})
        write_json(self._partial / CARD_FILE, card.dump())
        if (size := (self._partial / CARD_FILE).stat().st_size) > MAX_CARD_BYTES:
            raise DataError(
                f"{self.folder}: {CARD_FILE} with names, categories and texts has {size} bytes, expected at most "
                f"{MAX_CARD_BYTES}"
            )
        if self.folder.exists():
            raise DataError(f"{self.folder}: exists already; nothing is overwritten")
        with writing(self.folder):
            self._partial.rename(self.folder)


def _difference(form: Any, first: Any, place: str = "") -> tuple[str, str, str]:
    """Return the place and the values, shortened, of the first difference of two unequal nested mappings."""
    if not (isinstance(form, dict) and isinstance(first, dict)):
        return place, str(form)[:100], str(first)[:100]
    key = next(key for key in {**form, **first} if key not in form or key not in first or form[key] != first[key])
    return _difference(form.get(key), first.get(key), f"{place}.{key}" if place else key)


def _block_samples(data: MultimodalData) -> int:
    """Return the number of samples per block of about `BLOCK_BYTES`, in [64, 65536]."""
    n_bytes = sum(modality.values.nbytes for modality in data.modalities.values())
    per_sample = max(1, n_bytes // data.n_samples)
    return int(np.clip(BLOCK_BYTES // per_sample, 64, 65536))


def write_store(data: MultimodalData, folder: Path, **about: Any) -> None:
    """Write `data` as a store; see `StoreWriter`."""
    with StoreWriter(folder, **about) as writer:
        writer.append(data)
