"""Arrays of numbers out of HDF5 files that may be damaged, foreign or hostile."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError

__all__ = ["Hdf5Reader", "Place", "opened"]

HARMLESS_BYTES, MAX_BYTES_PER_BYTE = 2**26, 100
"""A file whose arrays declare more bytes than either, in all and per byte of the file, is refused."""
GZIP = 1
FILTERS = (2, GZIP, 3)
"""Shuffle, gzip and checksum, in the only order in which they are accepted."""
MAX_GZIP_RATIO = 1032

# h5py reports damage by nearly every type of error there is, after where it was met
DAMAGE = (
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

Place = tuple[str, ...]
"""Names from the root of a file down to a group or array."""


@contextmanager
def opened(path: Path) -> Iterator["Hdf5Reader"]:
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
        If h5py is not installed, or the file is absent or not HDF5.
    """
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path}: reading HDF5 needs h5py: pip install 'redcore[hdf5]'") from None
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with _damage_named(str(path)):
        # not locked: many network file systems refuse it, and nothing is written
        file = h5py.File(path, "r", locking=False)
    try:
        yield Hdf5Reader(path, file)
    finally:
        with _damage_named(str(path)):
            file.close()


@contextmanager
def _damage_named(where: str) -> Iterator[None]:
    """Turn the errors by which h5py reports damage into one of ours."""
    try:
        yield
    except DataError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{where}: not readable as HDF5: truncated, damaged, or of another format ({reason})") from None


class Hdf5Reader:
    """Reads groups and arrays by their place, and nothing that lies outside the file.

    Names are followed one by one through hard links only. An array is refused that is kept in other files, packed by
    a filter other than gzip, shuffle and checksum, or not of real numbers. All arrays read from one file may together
    unpack to `MAX_BYTES_PER_BYTE` times its size (or `HARMLESS_BYTES`): a file of a few bytes can declare any shape.

    Parameters
    ----------
    path : Path
        For messages, and for the size of the file.
    file : h5py.File
        Open file.
    """

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        self._file = file
        self._bytes_left = max(HARMLESS_BYTES, MAX_BYTES_PER_BYTE * path.stat().st_size)

    def names(self, *place: str) -> list[str]:
        """Return the sorted names in the group at `place`.

        Raises
        ------
        DataError
            If there is no such group, or a name is not text.
        """
        where = self._where(place)
        with _damage_named(where):
            group = self._find(place)
            if not hasattr(group, "keys"):
                raise DataError(f"{where}: no such group")
            found = sorted(str(name) for name in group)
        for name in found:
            if not name.isprintable():
                raise DataError(f"{where}: the name {name!a} is not printable text")
        return found

    def matrix(self, *place: str) -> AnyArray | None:
        """Return the (n, n_features) array at `place`, None if nothing is there."""
        return self._array(place, 2, "(n, n_features)")

    def vector(self, *place: str) -> AnyArray | None:
        """Return the (n_features,) array at `place`, None if nothing is there."""
        return self._array(place, 1, "(n_features,)")

    def _array(self, place: Place, n_dimensions: int, form: str) -> AnyArray | None:
        where = self._where(place)
        with _damage_named(where):
            found = self._find(place)
            if found is None:
                return None
            if not hasattr(found, "shape"):
                raise DataError(f"{where}: a group, expected an array {form}")
            if found.shape is None or len(found.shape) != n_dimensions or found.shape[-1] == 0:
                raise DataError(f"{where}: shape {found.shape}, expected {form}")
            if found.dtype.kind not in "fiub":
                raise DataError(f"{where}: type {found.dtype}, expected real numbers")
            self._check_storage(where, found)
            array: AnyArray = found[()]
        return array

    def _find(self, place: Place) -> Any:
        """Return what is at `place`, None if nothing is."""
        from h5py import h5l

        found = self._file
        for name in place:
            if not hasattr(found, "keys"):
                raise DataError(f"{self._where(place)}: what holds {name!r} is not a group")
            if not name or "/" in name or "\0" in name or name == ".":
                raise DataError(f"{self.path}: {name!a} cannot be a name in an HDF5 file")
            links = found.id.links
            if not links.exists(name.encode()):
                return None
            if links.get_info(name.encode()).type != h5l.TYPE_HARD:
                raise DataError(f"{self._where(place)}: {name!r} is a soft or external link, which are not followed")
            found = found[name]
        return found

    def _check_storage(self, where: str, array: Any) -> None:
        """Refuse what would read other files, or unpack to more than the file can honestly hold."""
        made = array.id.get_create_plist()
        if array.is_virtual or made.get_external_count():
            raise DataError(f"{where}: the values are kept in other files, which are not read")
        filters = [made.get_filter(index)[0] for index in range(made.get_nfilters())]
        if filters != [known for known in FILTERS if known in filters]:
            raise DataError(f"{where}: packed by filters {filters}, expected some of {FILTERS} in that order")
        in_chunk = int(np.prod(array.chunks or (), dtype=object)) * array.dtype.itemsize
        n_bytes = max(int(array.size) * array.dtype.itemsize, in_chunk)
        if n_bytes > self._bytes_left:
            raise DataError(f"{where}: declares {n_bytes} bytes, more than a file of this size can honestly hold")
        self._bytes_left -= n_bytes
        if GZIP in filters:
            place = filters.index(GZIP)
            array.id.chunk_iter(lambda chunk: _check_chunk(where, array, chunk, place, in_chunk))

    def _where(self, place: Place) -> str:
        return f"{self.path}: {'/'.join(place)!r}"


def _check_chunk(where: str, array: Any, chunk: Any, place: int, n_bytes: int) -> None:
    """Refuse a chunk that unpacks to more than it declares: HDF5 would go on until memory is full."""
    if chunk.size * MAX_GZIP_RATIO <= HARMLESS_BYTES:
        return
    if chunk.size > 2 * n_bytes:
        raise DataError(f"{where}: a chunk of {n_bytes} bytes takes {chunk.size} bytes packed")
    _, packed = array.id.read_direct_chunk(chunk.chunk_offset)
    # a bit of the mask says that the filter at this place was left out for this chunk
    packed_by_gzip = not chunk.filter_mask >> place & 1
    if packed_by_gzip and len(zlib.decompressobj().decompress(packed, n_bytes + 1)) > n_bytes:
        raise DataError(f"{where}: a chunk unpacks to more than the {n_bytes} bytes that it declares")
