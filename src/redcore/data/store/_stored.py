"""Modality with values on disk, read on access."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar, Protocol

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._concatenate import concatenate_modalities
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality, Observed
from redcore.data._schema import ModalitySchema

__all__ = ["BlockReader", "StoredModality", "block_numbers", "bytes_per_sample"]

Transform = Callable[[AnyArray], AnyArray]
Conversion = Callable[[Modality], Modality]


class BlockReader(Protocol):
    """Source of the values of a `StoredModality`; implemented by `Store`."""

    @property
    def starts(self) -> IntArray:
        """Row of the first sample of each block, followed by the number of samples; int (n_blocks + 1,)."""
        ...

    @property
    def bytes_per_sample(self) -> int:
        """Approximate size of one sample."""
        ...

    def modality(self, index: int, schema: ModalitySchema) -> Modality:
        """Read one modality of one block."""
        ...

    def has_missing_cells(self, name: str) -> bool:
        """Return True if a cell of the modality is missing."""
        ...

    def fingerprint(self) -> str:
        """Return a checksum of the content."""
        ...


class StoredModality(Modality):
    """One modality of samples in a store, with the interface of `Modality`.

    `take`, `hide` and `mapped` return views and read no values. Other methods read the blocks that contain the
    requested values on every call, without caching.

    Parameters
    ----------
    reader : BlockReader
    schema : ModalitySchema
    rows : int array (n_samples,)
        Row of each sample in the store, -1 if the modality is missing.
    conversions : tuple of callables
        Functions applied to the modality after it is read, one after the other.
    n_features : int, optional
        Number of features after the conversions. Default: as in `schema`.
    """

    stored: ClassVar[bool] = True

    def __init__(
        self,
        reader: BlockReader,
        schema: ModalitySchema,
        rows: IntArray,
        conversions: tuple[Conversion, ...] = (),
        n_features: int | None = None,
    ) -> None:
        observed = rows >= 0
        fields = {
            "_reader": reader,
            "_schema": schema,
            "_rows": rows,
            "_conversions": conversions,
            "_n_features": schema.n_features if n_features is None else n_features,
            "position": np.where(observed, np.cumsum(observed) - 1, -1),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    _reader: BlockReader
    _schema: ModalitySchema
    _rows: IntArray
    _conversions: tuple[Conversion, ...]
    _n_features: int

    @property
    def values(self) -> AnyArray:
        """All observed values, read from disk. Use `chunks` to read them block by block."""
        return self.loaded().values

    @property
    def offsets(self) -> IntArray | None:
        """Offsets of the sequences, as in `Modality`, read from disk."""
        return self.loaded().offsets if self.is_sequence else None

    @property
    def n_features(self) -> int:
        """Number of features per sample or time step."""
        return self._n_features

    @property
    def is_sequence(self) -> bool:
        """True if samples are sequences, False if they are vectors."""
        return self._schema.is_sequence

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of an image; None for other modalities."""
        return self._schema.shape

    @property
    def padding(self) -> int | None:
        """Padding id of token ids; None for other modalities."""
        return self._schema.padding

    @property
    def dtype(self) -> str:
        """Type of the values; only those of images are known without reading values."""
        return self._schema.dtype or super().dtype

    @property
    def n_observed(self) -> int:
        """Number of samples that observe the modality."""
        return int(np.count_nonzero(self._rows >= 0))

    def _view(self, rows: IntArray) -> "StoredModality":
        return StoredModality(self._reader, self._schema, rows, self._conversions, self._n_features)

    def take(self, indices: IntArray) -> "StoredModality":
        """Return the modality for the samples at `indices`, in that order, without reading values."""
        return self._view(self._rows[indices])

    def hide(self, observed: BoolArray) -> "StoredModality":
        """Return the modality with samples made missing where `observed` is False, without reading values."""
        return self._view(np.where(observed, self._rows, -1))

    def mapped(self, function: Transform) -> "StoredModality":
        """Return the modality with `function` applied to all values when they are read."""
        return self.converted(partial(_mapped, function), self._n_features)

    def mapped_in_batches(self, function: Transform) -> "StoredModality":
        """Return the modality with `function` applied to every batch; see `Modality.mapped_in_batches`."""
        return self.converted(partial(_mapped_in_batches, function), self._n_features)

    def converted(self, function: Conversion, n_features: int) -> "StoredModality":
        """Return the modality with `function` applied when it is read; see `Modality.converted`."""
        return StoredModality(self._reader, self._schema, self._rows, (*self._conversions, function), n_features)

    @property
    def has_missing_cells(self) -> bool:
        """True if a cell of the modality is missing in the store."""
        return self._reader.has_missing_cells(self._schema.name)

    def incomplete(self) -> BoolArray:
        """Return True for the samples with a missing cell, bool (n_samples,); reads the values if there are any."""
        result = np.zeros(self.n_samples, dtype=bool)
        if self.has_missing_cells:
            observed = np.flatnonzero(self._rows >= 0)
            order = observed[np.argsort(self._rows[observed], kind="stable")]
            result[order] = np.concatenate([part.incomplete() for part in self._read(self._rows[order])])
        return result

    def gather(self, indices: IntArray) -> Observed:
        """Return the observed values of the samples at `indices`, read from disk."""
        return self.take(indices).loaded().gather(np.arange(len(indices)))

    def loaded(self) -> Modality:
        """Return the modality with its values in memory."""
        rows = self._rows[self._rows >= 0]
        if not rows.size:
            return Modality.nothing(self.n_samples)
        order = np.argsort(rows, kind="stable")
        packed = concatenate_modalities(self._schema.name, list(self._read(rows[order])))
        in_order = packed.take(np.argsort(order, kind="stable"))
        for function in self._conversions:
            in_order = function(in_order)
        return replace(in_order, position=self.position)

    def _read(self, rows: IntArray) -> Iterator[Modality]:
        """Read the samples at ascending `rows` of the store, block by block."""
        blocks = np.searchsorted(self._reader.starts, rows, side="right") - 1
        for block in np.unique(blocks).tolist():
            rows_in_block = rows[blocks == block] - self._reader.starts[block]
            yield self._reader.modality(block, self._schema).take(rows_in_block)

    def chunks(self) -> Iterator[AnyArray]:
        """Yield all observed values, block by block, in the order of the store."""
        for modality in self._read(np.sort(self._rows[self._rows >= 0])):
            for function in self._conversions:
                modality = function(modality)
            yield modality.values

    def block_numbers(self) -> IntArray:
        """Return the block number of each sample, int (n_samples,), -1 if the modality is missing."""
        blocks = np.searchsorted(self._reader.starts, self._rows, side="right") - 1
        return np.where(self._rows >= 0, blocks, -1)

    @property
    def bytes_per_sample(self) -> int:
        """Approximate size of one sample with all its modalities."""
        return self._reader.bytes_per_sample

    def parts_of_checksum(self) -> tuple[AnyArray | None, ...]:
        """Return the arrays to include in a checksum: the checksum of the store and the rows of the samples."""
        return (np.frombuffer(self._reader.fingerprint().encode(), dtype=np.uint8), self._rows)


def _mapped(function: Transform, modality: Modality) -> Modality:
    return modality.mapped(function)


def _mapped_in_batches(function: Transform, modality: Modality) -> Modality:
    return modality.mapped_in_batches(function)


def block_numbers(data: MultimodalData) -> IntArray:
    """Return the block number of each sample of stored data, int (n_samples,); 0 for samples without any modality."""
    stored = [modality for modality in data.modalities.values() if isinstance(modality, StoredModality)]
    numbers: IntArray = np.stack([modality.block_numbers() for modality in stored]).max(axis=0).clip(min=0)
    return numbers


def bytes_per_sample(data: MultimodalData) -> int:
    """Return the approximate size of one sample of stored data in bytes, at least 1."""
    stored = [modality for modality in data.modalities.values() if isinstance(modality, StoredModality)]
    return max([1, *(modality.bytes_per_sample for modality in stored)])
