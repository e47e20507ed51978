"""Reading of stores, as a whole or block by block in bounded memory."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from redcore._types import AnyArray, BoolArray, IntArray
from redcore._validation import check_sample_ids, check_split
from redcore.data._concatenate import concatenate
from redcore.data._dataset import MultimodalData
from redcore.data._mixed import Categories
from redcore.data._modality import Modality
from redcore.data._schema import ModalitySchema
from redcore.data._target import Target
from redcore.data.store._card import CARD_FILE, Shard, read_card
from redcore.data.store._columns import modality_of, numpy_of, target_of
from redcore.data.store._stored import StoredModality
from redcore.data.store._writer import file_sha256
from redcore.exceptions import DataError, RedCoreError

__all__ = ["Store", "is_store"]

Result = TypeVar("Result")


def is_store(path: Path) -> bool:
    """Return True if `path` is a folder with the card of a store."""
    return (path / CARD_FILE).is_file()


class Store:
    """Store opened for reading.

    Parameters
    ----------
    folder : Path
    verify : bool, default True
        If True, the checksums of all shards are verified when the store is opened.

    Attributes
    ----------
    card : StoreCard

    Raises
    ------
    DataError
        If the folder is not a store, or if the store is incomplete, modified or truncated. The message names the file.
    """

    def __init__(self, folder: Path, *, verify: bool = True) -> None:
        self.folder = folder
        self.card = read_card(folder)
        self._columns: list[list[str]] = []
        self._files = [self._open(shard, verify) for shard in self.card.shards]
        self._blocks = [(index, k) for index, file in enumerate(self._files) for k in range(file.num_row_groups)]
        self._sizes = [self._files[index].metadata.row_group(k).num_rows for index, k in self._blocks]

    def _open(self, shard: Shard, verify: bool) -> pq.ParquetFile:
        path = self.folder / shard.file
        try:
            n_bytes = path.stat().st_size
        except OSError:
            raise DataError(f"{path}: file does not exist, though the card lists it") from None
        if n_bytes != shard.n_bytes:
            raise DataError(f"{path}: {n_bytes} bytes, expected {shard.n_bytes}: truncated or modified")
        if verify and file_sha256(path) != shard.sha256:
            raise DataError(f"{path}: content does not match the checksum of the card: modified or damaged")
        try:
            file = pq.ParquetFile(path, memory_map=True)
            self._columns.append(file.schema_arrow.names)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path}: not a readable Parquet file ({_one_line(error)})") from None
        # ids are unique, so a file with more samples than bytes is invalid
        if file.metadata.num_rows != shard.n_samples or shard.n_samples > n_bytes:
            raise DataError(f"{path}: {file.metadata.num_rows} rows, expected {shard.n_samples}")
        return file

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.card.n_samples

    @property
    def n_blocks(self) -> int:
        """Number of blocks (row groups)."""
        return len(self._blocks)

    @property
    def bytes_per_sample(self) -> int:
        """Approximate size of one sample on disk."""
        return sum(shard.n_bytes for shard in self.card.shards) // self.n_samples

    @cached_property
    def starts(self) -> IntArray:
        """Row of the first sample of each block, followed by the number of samples; int (n_blocks + 1,)."""
        return np.concatenate([[0], np.cumsum(self._sizes)]).astype(np.int64)

    @cached_property
    def _features(self) -> tuple[Mapping[str, tuple[str, ...]], Categories, Mapping[str, tuple[str, ...]]]:
        """Names of the features, categories, and names of the features of free text, by modality."""
        return self.card.feature_names(), self.card.categories(), self.card.text()

    def block(self, index: int) -> MultimodalData:
        """Read one block into memory.

        Raises
        ------
        DataError
            If the block contains invalid data. The message names file, column and row.
        """
        shard, group = self._blocks[index]
        path = self.folder / self.card.shards[shard].file
        modalities = {schema.name: self.modality(index, schema) for schema in self.card.schemas()}
        return MultimodalData(modalities, *self._labels(path, index, group, shard), *self._features)

    def modality(self, index: int, schema: ModalitySchema) -> Modality:
        """Read one modality of one block."""
        path = self.folder / self.card.shards[self._blocks[index][0]].file
        read = partial(modality_of, schema, self.card.modalities[schema.name])
        return self._convert(path, index, f"x_{schema.name}", read)

    def has_missing_cells(self, name: str) -> bool:
        """Return True if the card lists missing cells (NaN) in modality `name`."""
        return self.card.modalities[name].missing_cells > 0

    def fingerprint(self) -> str:
        """Return a SHA-256 checksum of the checksums of all shards."""
        content = "".join(shard.sha256 for shard in self.card.shards)
        return hashlib.sha256(content.encode()).hexdigest()

    def _labels(
        self, path: Path, index: int, group: int, shard: int
    ) -> tuple[Target | None, AnyArray | None, AnyArray, AnyArray | None]:
        """Return target, groups, sample ids and split of one block."""
        known = self._columns[shard]
        form = self.card.target
        target = None if form is None else self._convert(path, index, "y", lambda column: target_of(form, column))
        groups = self._convert(path, index, "group", numpy_of) if "group" in known else None
        ids = self._convert(path, index, "sample_id", numpy_of)
        split = self._convert(path, index, "split", _split_of) if "split" in known else None
        return target, groups, ids, split

    def _convert(self, path: Path, index: int, name: str, convert: Callable[[pa.Array], Result]) -> Result:
        """Read one column of one block and apply `convert`. Errors name the file and the column."""
        shard, group = self._blocks[index]
        try:
            column = self._files[shard].read_row_group(group, columns=[name], use_threads=False)[name]
            return convert(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0))
        except RedCoreError as error:
            raise type(error)(
                f"{path}: column {name!r}, block starting at sample {self.starts[index]}: {error}"
            ) from None
        except KeyError:
            raise DataError(f"{path}: no column {name!r}, though the card lists it") from None
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(f"{path}: column {name!r} cannot be read ({_one_line(error)})") from None

    def blocks(self) -> Iterator[MultimodalData]:
        """Yield all blocks in order."""
        return map(self.block, range(self.n_blocks))

    def index(self) -> MultimodalData:
        """Return all samples with target, groups, ids, split and availability, but with modalities of zero features.

        The memory needed does not depend on the number of features.
        """
        parts = []
        for index, (shard, group) in enumerate(self._blocks):
            path = self.folder / self.card.shards[shard].file
            availability = {
                schema.name: self._convert(path, index, f"x_{schema.name}", _observed) for schema in self.card.schemas()
            }
            modalities = {name: _empty_modality(observed) for name, observed in availability.items()}
            labels = self._labels(path, index, group, shard)
            parts.append(MultimodalData(modalities, *labels, *self._features))
        return self._checked(concatenate(parts))

    def data(self) -> MultimodalData:
        """Return the data with its values left on disk. They are read block by block on access.

        Any method can be fitted to this data. Methods trained by gradient descent keep only a few windows of it in
        memory; see `redcore.fitting.TrainingSettings`.
        """
        index = self.index()
        modalities: dict[str, Modality] = {}
        for schema in self.card.schemas():
            rows = np.where(index.modalities[schema.name].availability, np.arange(self.n_samples), -1)
            modalities[schema.name] = StoredModality(self, schema, rows)
        return replace(index, modalities=modalities)

    def read(self) -> MultimodalData:
        """Return the whole data in memory.

        Raises
        ------
        DataError
            If a block contains invalid data, or if a sample id occurs twice.
        """
        return self._checked(concatenate(list(self.blocks())))

    def _checked(self, data: MultimodalData) -> MultimodalData:
        try:
            check_sample_ids(data.sample_ids, data.n_samples)
        except RedCoreError as error:
            raise type(error)(f"{self.folder}: {error}") from None
        return data


def _split_of(column: pa.Array) -> AnyArray | None:
    return check_split(numpy_of(column), len(column))


def _observed(column: pa.Array) -> BoolArray:
    observed: BoolArray = column.is_valid().to_numpy(zero_copy_only=False)
    return observed


def _empty_modality(observed: BoolArray) -> Modality:
    position = np.where(observed, np.cumsum(observed) - 1, -1)
    return Modality(np.empty((int(observed.sum()), 0), dtype=np.float32), position)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
