"""A modality that stays on disk: views of it are made in memory, its values are read when they are asked for."""

from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._concatenate import concatenate_modalities
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality, Observed
from redcore.data._schema import ModalitySchema

__all__ = ["BlockReader", "StoredModality", "block_numbers", "bytes_per_sample"]

Transform = Callable[[AnyArray], AnyArray]


class BlockReader(Protocol):
    """What a stored modality reads from."""

    @property
    def starts(self) -> IntArray:
        """Number of the first sample of each block, then the number of samples."""
        ...

    @property
    def bytes_per_sample(self) -> int:
        """About how much one sample takes."""
        ...

    def modality(self, index: int, schema: ModalitySchema) -> Modality:
        """Read one modality of one block."""
        ...

    def fingerprint(self) -> str:
        """Return a checksum of the content."""
        ...


class StoredModality(Modality):
    """One modality of samples in a store.

    It can do what `Modality` can. `take`, `hide` and `mapped` read nothing; whatever needs values reads the blocks that
    hold them, each time anew, so that memory holds what is asked for and no more.

    Parameters
    ----------
    reader : BlockReader
    schema : ModalitySchema
    rows : int array (n_samples,)
        Number in the store of each sample, -1 where the modality is missing.
    transforms : tuple of callables
        Applied to the values, (n, n_features), in turn.
    """

    stored: ClassVar[bool] = True

    def __init__(
        self, reader: BlockReader, schema: ModalitySchema, rows: IntArray, transforms: tuple[Transform, ...] = ()
    ) -> None:
        observed = rows >= 0
        fields = {
            "_reader": reader,
            "_schema": schema,
            "_rows": rows,
            "_transforms": transforms,
            "position": np.where(observed, np.cumsum(observed) - 1, -1),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    _reader: BlockReader
    _schema: ModalitySchema
    _rows: IntArray
    _transforms: tuple[Transform, ...]

    @property
    def values(self) -> AnyArray:
        """All observed values, read from disk; see `chunks` for reading them block by block."""
        return self.loaded().values

    @property
    def offsets(self) -> IntArray | None:
        """As in `Modality`, read from disk."""
        return self.loaded().offsets if self.is_sequence else None

    @property
    def n_features(self) -> int:
        """Number of features (of one time step)."""
        return self._schema.n_features

    @property
    def is_sequence(self) -> bool:
        """Whether samples are sequences."""
        return self._schema.is_sequence

    @property
    def n_observed(self) -> int:
        """Number of samples that observe the modality."""
        return int(np.count_nonzero(self._rows >= 0))

    def _view(self, rows: IntArray) -> "StoredModality":
        return StoredModality(self._reader, self._schema, rows, self._transforms)

    def take(self, indices: IntArray) -> "StoredModality":
        """Return the modality for the samples at `indices`, in that order; nothing is read."""
        return self._view(self._rows[indices])

    def hide(self, observed: BoolArray) -> "StoredModality":
        """Return the modality with the samples where `observed` is False missing; nothing is read."""
        return self._view(np.where(observed, self._rows, -1))

    def mapped(self, function: Transform) -> "StoredModality":
        """Return the modality with `function` to be applied to all values read; nothing is read."""
        return StoredModality(self._reader, self._schema, self._rows, (*self._transforms, function))

    def gather(self, indices: IntArray) -> Observed:
        """Return what the samples at `indices` observe, read from disk."""
        return self.take(indices).loaded().gather(np.arange(len(indices)))

    def loaded(self) -> Modality:
        """Return the modality in memory."""
        rows = self._rows[self._rows >= 0]
        if not rows.size:
            return Modality.nothing(self.n_samples)
        order = np.argsort(rows, kind="stable")
        pieces = [piece for _, piece in self._pieces(rows[order])]
        packed = concatenate_modalities(self._schema.name, pieces)
        in_order = packed.take(np.argsort(order, kind="stable"))
        for transform in self._transforms:
            in_order = in_order.mapped(transform)
        return Modality(in_order.values, self.position, in_order.offsets)

    def _pieces(self, rows: IntArray) -> Iterator[tuple[int, Modality]]:
        """Yield block numbers and the samples at ascending `rows` of the store, block by block."""
        blocks = np.searchsorted(self._reader.starts, rows, side="right") - 1
        for block in np.unique(blocks).tolist():
            local = rows[blocks == block] - self._reader.starts[block]
            yield block, self._reader.modality(block, self._schema).take(local)

    def chunks(self) -> Iterator[AnyArray]:
        """Yield all observed values, block by block, in the order of the store."""
        for _, piece in self._pieces(np.sort(self._rows[self._rows >= 0])):
            values = piece.values
            for transform in self._transforms:
                values = transform(values)
            yield values

    def block_numbers(self) -> IntArray:
        """Return the block that holds each sample, -1 where the modality is missing."""
        blocks = np.searchsorted(self._reader.starts, self._rows, side="right") - 1
        return np.where(self._rows >= 0, blocks, -1)

    @property
    def bytes_per_sample(self) -> int:
        """About how much one sample takes, with all its modalities."""
        return self._reader.bytes_per_sample

    def parts_of_checksum(self) -> tuple[AnyArray | None, ...]:
        """Return what names the values: the store's own checksum, and which rows."""
        return (np.frombuffer(self._reader.fingerprint().encode(), dtype=np.uint8), self._rows)


def block_numbers(data: MultimodalData) -> IntArray:
    """Return the block that holds each sample of stored data; 0 for samples without any modality."""
    stored = [modality for modality in data.modalities.values() if isinstance(modality, StoredModality)]
    numbers: IntArray = np.stack([modality.block_numbers() for modality in stored]).max(axis=0).clip(min=0)
    return numbers


def bytes_per_sample(data: MultimodalData) -> int:
    """Return about how much one sample of stored data takes in memory, at least 1."""
    stored = [modality for modality in data.modalities.values() if isinstance(modality, StoredModality)]
    return max([1, *(modality.bytes_per_sample for modality in stored)])
