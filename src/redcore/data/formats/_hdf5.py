"""Safe reading of numeric arrays from HDF5 files that may be damaged or malicious."""

import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError

__all__ = ["Hdf5Reader", "Location", "open_hdf5"]

ALWAYS_ALLOWED_BYTES, MAX_EXPANSION = 2**26, 100
"""A file may declare arrays of `MAX_EXPANSION` times its own size in total, and always `ALWAYS_ALLOWED_BYTES`."""
GZIP, LZF = 1, 32000
FILTERS = (2, GZIP, 3)
"""Accepted HDF5 filters (shuffle, gzip, checksum) in the only accepted order."""
MAX_GZIP_RATIO = 1032
"""Largest compression ratio that gzip can reach."""

HEAP_MARK, HEAP_HEADER = b"GCOL\x01\0\0\0", 16
"""First bytes of a heap of text in a file, and the length in bytes of the headers of the heap and of its entries."""

# h5py reports damage with different exception types, depending on the damaged part
READ_ERRORS = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    SystemError,
    zlib.error,
)

Location = tuple[str, ...]
"""Names from the root of a file to a group or array."""


@contextmanager
def open_hdf5(path: Path) -> Iterator["Hdf5Reader"]:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Hdf5Reader

    Raises
    ------
    DataError
        If h5py is not installed, or if the file does not exist or is not HDF5.
    """
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path}: reading HDF5 needs h5py: pip install 'redcore[hdf5]'") from None
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with _data_errors(str(path)):
        # many network file systems do not support locks, and reading does not need one
        file = h5py.File(path, "r", locking=False)
    try:
        yield Hdf5Reader(path, file)
    finally:
        with _data_errors(str(path)):
            file.close()


@contextmanager
def _data_errors(where: str) -> Iterator[None]:
    """Convert errors of h5py to `DataError`, with `where` at the beginning of the message."""
    try:
        yield
    except DataError:
        raise
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{where}: not readable as HDF5: truncated, damaged, or of another format ({reason})") from None


class Hdf5Reader:
    """Reader of groups and arrays of an HDF5 file that never reads other files.

    Only hard links are followed. Arrays are rejected if they are stored in other files, use filters other than gzip,
    shuffle and checksum, or do not contain real numbers. Because a small file can declare an array of any shape,
    the total size of all arrays read from a file is limited to `MAX_EXPANSION` times the size of the file, or to
    `ALWAYS_ALLOWED_BYTES` if that is larger.

    Parameters
    ----------
    path : Path
        Path of the file, for error messages and its size.
    file : h5py.File
        Open file.
    """

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        self._file = file
        self._bytes_left = max(ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * path.stat().st_size)

    def names(self, *location: str) -> list[str]:
        """Return the sorted names in the group at `location`.

        Raises
        ------
        DataError
            If there is no such group, or if a name is not printable text.
        """
        where = self._where(location)
        with _data_errors(where):
            group = self._find(location)
            if not hasattr(group, "keys"):
                raise DataError(f"{where}: no such group")
            names = sorted(str(name) for name in group)
        for name in names:
            if not name.isprintable():
                raise DataError(f"{where}: the name {name!a} is not printable text")
        return names

    def checked_root(self) -> Any:
        """Return the root group, after checking all groups and arrays of the file.

        Raises
        ------
        DataError
            If the file contains soft or external links, groups within themselves, arrays of other types than numbers
            and text, or an array that cannot be read safely. The filter lzf is accepted too.
        """
        with _data_errors(str(self.path)):
            _check_text_heaps(self.path)
            self._check_group(self._file, (), frozenset())
        return self._file

    def _check_group(self, group: Any, location: Location, parents: frozenset[Any]) -> None:
        from h5py import check_string_dtype, h5o

        address = h5o.get_info(group.id).addr
        if address in parents:
            raise DataError(f"{self._where(location)}: a group within itself")
        for name in self.names(*location):
            inner = (*location, name)
            node = self._find(inner)
            if hasattr(node, "keys"):
                self._check_group(node, inner, parents | {address})
            elif not hasattr(node, "shape"):
                raise DataError(f"{self._where(inner)}: a named type, expected groups and arrays")
            elif node.shape is not None:
                if node.dtype.kind not in "fiubS" and check_string_dtype(node.dtype) is None:
                    raise DataError(f"{self._where(inner)}: type {node.dtype}, expected numbers or text")
                self._check_storage(self._where(inner), node, (2, GZIP, LZF, 3))

    def matrix(self, *location: str) -> AnyArray | None:
        """Return the array (n, n_features) at `location`, or None if it does not exist."""
        return self._array(location, 2, "(n, n_features)")

    def vector(self, *location: str) -> AnyArray | None:
        """Return the array (n_features,) at `location`, or None if it does not exist."""
        return self._array(location, 1, "(n_features,)")

    def _array(self, location: Location, n_dimensions: int, shape: str) -> AnyArray | None:
        where = self._where(location)
        with _data_errors(where):
            dataset = self._find(location)
            if dataset is None:
                return None
            if not hasattr(dataset, "shape"):
                raise DataError(f"{where}: a group, expected an array {shape}")
            if dataset.shape is None or len(dataset.shape) != n_dimensions or dataset.shape[-1] == 0:
                raise DataError(f"{where}: shape {dataset.shape}, expected {shape}")
            if dataset.dtype.kind not in "fiub":
                raise DataError(f"{where}: type {dataset.dtype}, expected real numbers")
            self._check_storage(where, dataset)
            array: AnyArray = dataset[()]
        return array

    def _find(self, location: Location) -> Any:
        """Return the group or array at `location`, or None if it does not exist."""
        from h5py import h5l

        node = self._file
        for name in location:
            if not hasattr(node, "keys"):
                raise DataError(f"{self._where(location)}: the parent of {name!r} is not a group")
            if not name or "/" in name or "\0" in name or name == ".":
                raise DataError(f"{self.path}: {name!a} cannot be a name in an HDF5 file")
            links = node.id.links
            if not links.exists(name.encode()):
                return None
            if links.get_info(name.encode()).type != h5l.TYPE_HARD:
                raise DataError(f"{self._where(location)}: {name!r} is a soft or external link; links are not followed")
            node = node[name]
        return node

    def _check_storage(self, where: str, array: Any, accepted: tuple[int, ...] = FILTERS) -> None:
        """Raise `DataError` if reading an array would read other files or need too much memory."""
        creation = array.id.get_create_plist()
        if array.is_virtual or creation.get_external_count():
            raise DataError(f"{where}: the values are stored in other files, which are not read")
        filters = [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]
        if filters != [known for known in accepted if known in filters]:
            raise DataError(f"{where}: compressed with filters {filters}, expected some of {accepted} in that order")
        chunk_bytes = int(np.prod(array.chunks or (), dtype=object)) * array.dtype.itemsize
        n_bytes = max(int(array.size) * array.dtype.itemsize, chunk_bytes)
        if n_bytes > self._bytes_left:
            raise DataError(f"{where}: declares {n_bytes} bytes, too many for a file of this size")
        self._bytes_left -= n_bytes
        if GZIP in filters:
            index = filters.index(GZIP)
            array.id.chunk_iter(lambda chunk: _check_chunk(where, array, chunk, index, chunk_bytes))

    def _where(self, location: Location) -> str:
        return f"{self.path}: {'/'.join(location)!r}"


def _check_text_heaps(path: Path) -> None:
    """Raise `DataError` if an entry of a heap of text has no length, on which the HDF5 library would loop forever."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(HEAP_MARK)
        while start >= 0:
            end = start + int.from_bytes(content[start + 8 : start + HEAP_HEADER], "little")
            place = start + HEAP_HEADER
            while place + HEAP_HEADER <= min(end, len(content)):
                is_used = content[place : place + 2] != b"\0\0"
                length = int.from_bytes(content[place + 8 : place + HEAP_HEADER], "little")
                # entries begin at multiples of 8 bytes; the length of free space includes its header
                length = HEAP_HEADER + -(-length // 8) * 8 if is_used else length
                if length == 0 or place + length > end:
                    raise DataError(f"{path}: damaged: an entry of text at byte {place} has an invalid length")
                place += length
            start = content.find(HEAP_MARK, start + len(HEAP_MARK))


def _check_chunk(where: str, array: Any, chunk: Any, gzip_index: int, n_bytes: int) -> None:
    """Raise `DataError` if a chunk decompresses to more bytes than declared; HDF5 itself does not limit them."""
    if chunk.size * MAX_GZIP_RATIO <= ALWAYS_ALLOWED_BYTES:
        return
    if chunk.size > 2 * n_bytes:
        raise DataError(f"{where}: a chunk of {n_bytes} bytes takes {chunk.size} bytes compressed")
    _, compressed = array.id.read_direct_chunk(chunk.chunk_offset)
    # a set bit of the mask marks a filter that was skipped for this chunk
    is_gzipped = not chunk.filter_mask >> gzip_index & 1
    if is_gzipped and len(zlib.decompressobj().decompress(compressed, n_bytes + 1)) > n_bytes:
        raise DataError(f"{where}: a chunk decompresses to more than the declared {n_bytes} bytes")
