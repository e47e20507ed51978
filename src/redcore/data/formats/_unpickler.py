"""Read pickles of NumPy arrays and plain containers without running anything that they name.

A pickle is a program. Here it may build lists, tuples, dicts, texts, numbers, and arrays; the array parts are built by
functions of this module, which check what they are given, not by NumPy's own. Any other name in the file is refused.
"""

import math
import os
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError

__all__ = ["as_array", "load_pickle"]

KINDS = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248]|[SU]\d{1,9}|O8?)")
MAX_DIMENSIONS = 8


class _DType:
    """A dtype on its way: name, then byte order."""

    __slots__ = ("name", "order")

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "<"

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise DataError("a dtype with a foreign state")
        self.order = state[1]

    def resolve(self) -> np.dtype[Any]:
        bare = self.name.lstrip("<>|=")
        return np.dtype(object) if bare.startswith("O") else np.dtype(f"{self.order}{bare}")


class _Array:
    """An array on its way; `array` checks it."""

    __slots__ = ("dtype", "fortran", "raw", "shape")

    def __init__(self) -> None:
        self.shape: Any = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise DataError("an array with a foreign state")
        _, self.shape, self.dtype, self.fortran, self.raw = state

    def array(self) -> AnyArray:
        if self.shape is None:
            raise DataError("an array without content")
        return _made(self.raw, self.dtype, self.shape, "F" if self.fortran else "C")


def _made(raw: Any, dtype: Any, shape: Any, order: Any) -> AnyArray:
    """Return the array of `shape` whose bytes are `raw`, or its list of plain values."""
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if len(sizes) > MAX_DIMENSIONS or not all(type(size) is int and size >= 0 for size in sizes):
        raise DataError("an array with a foreign shape")
    if not isinstance(dtype, _DType):
        raise DataError("an array without a dtype")
    kind, count = dtype.resolve(), math.prod(sizes)
    if kind.hasobject:
        if not isinstance(raw, list) or len(raw) != count or not all(isinstance(v, str | int | float) for v in raw):
            raise DataError("an array of objects that are not texts or numbers")
        objects = np.empty(count, dtype=object)
        objects[:] = raw
        return objects.reshape(sizes)
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    if not isinstance(raw, bytes | bytearray) or len(raw) != count * kind.itemsize:
        got = len(raw) if isinstance(raw, bytes | bytearray) else type(raw).__name__
        raise DataError(f"an array of shape {sizes} and type {kind} with {got} bytes, expected {count * kind.itemsize}")
    return np.frombuffer(raw, dtype=kind).reshape(sizes, order="F" if order == "F" else "C")


def _reconstruct(*arguments: Any) -> _Array:
    return _Array()


def _from_buffer(*arguments: Any) -> AnyArray:
    raw, dtype, shape, order = arguments
    return _made(bytes(raw) if isinstance(raw, bytearray) else raw, dtype, shape, order)


def _dtype(*arguments: Any) -> _DType:
    if not arguments or not isinstance(arguments[0], str) or not KINDS.fullmatch(arguments[0]):
        raise DataError(f"an array of type {str(arguments[:1])[:40]}, expected numbers or texts")
    return _DType(arguments[0])


def _scalar(*arguments: Any) -> Any:
    dtype, raw = arguments
    return _made(raw, dtype, (), "C")[()]


def _encode(*arguments: Any) -> bytes:
    """Stand for ``codecs.encode(text, "latin1")``, which is how protocols 0 to 2 hold bytes."""
    text, codec = arguments
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise DataError("bytes in a foreign encoding")
    return text.encode("latin-1")


def _no_bytes(*arguments: Any) -> bytes:
    """Stand for ``bytes()``, which is how protocols 0 to 2 hold no bytes."""
    if arguments:
        raise DataError("bytes made from something else")
    return b""


def _array_type(*arguments: Any) -> None:
    raise DataError("an array that is made from nothing")


_KNOWN = {
    ("numpy", "ndarray"): _array_type,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    **{(builtins, "bytes"): _no_bytes for builtins in ("builtins", "__builtin__")},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return our function for a known name; no module is imported."""
        if (module, name) not in _KNOWN:
            raise DataError(f"it names {module}.{name}, which is refused; expected arrays and plain containers only")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise DataError("it refers to objects outside the file, which is refused")


class _Limited:
    """A stream that is not asked for more than it holds: reading allocates what is asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.size = os.fstat(stream.fileno()).st_size
        self.readline = stream.readline
        self.tell = stream.tell

    def read(self, n: int = -1) -> bytes:
        if n > self.size - self.tell():
            raise DataError(f"truncated: it declares {n} bytes where {self.size - self.tell()} are left")
        return self.stream.read(n)


def _check_sizes(stream: BinaryIO) -> None:
    """Refuse memo numbers beyond what was stored, of which the unpickler would make a table, and too large sizes."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(_Limited(stream))):  # type: ignore[arg-type]
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= count + 1:
            raise DataError("it numbers objects that there are not")


def load_pickle(path: Path) -> Any:
    """Read a pickle of plain containers and NumPy arrays; arrays are to be taken out by `as_array`.

    Parameters
    ----------
    path : Path
        Pickle of any protocol.

    Raises
    ------
    DataError
        If it names anything but arrays, is truncated, damaged or no pickle; the message names the file. Nothing that
        the file names has been imported or called then, and memory is bounded by the size of the file.
    """
    try:
        with path.open("rb") as stream:
            _check_sizes(stream)
            stream.seek(0)
            return _Unpickler(stream, encoding="latin1").load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    # damaged pickles fail in every way that a virtual machine can
    except Exception as error:
        reason = str(error)[:120] or type(error).__name__
        raise DataError(f"{path}: not a readable pickle: truncated, damaged or of another format ({reason})") from None


def as_array(value: Any) -> AnyArray | None:
    """Return what a loaded pickle holds as an array: arrays, and lists of texts or numbers; None for anything else."""
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, np.ndarray):
        return value
    plain = (str, int, float, np.generic)
    if isinstance(value, list | tuple) and all(isinstance(entry, plain) for entry in value):
        return np.array(value)
    return None
