"""Safe reading of pickles of NumPy arrays and plain containers, without executing code.

A pickle is a program for a stack machine. This module implements only the instructions that build lists, tuples, dicts,
text, numbers and arrays. The standard unpickler is unsafe even with a list of allowed names: it sets attributes of any
object on its stack, crashes when it hashes deeply nested tuples, and allocates any size that a file declares. Here, an
array is a record of its parts until `as_array` validates and builds it.
"""

import math
import os
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError

__all__ = ["as_array", "load_pickle"]

TYPES = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248]|[SU]\d{1,9}|O8?)")
MAX_DIMENSIONS = 8
MAX_CHARACTER = 0x10FFFF
MAX_TEXT_BYTES = 2**28
"""Largest array of texts. NumPy stores every text with the length of the longest, which could exhaust memory."""


class _Dtype:
    """Unpickled dtype: its name and byte order."""

    __slots__ = ("name", "order")

    def __init__(self, *arguments: Any) -> None:
        name = arguments[0] if arguments else None
        if not isinstance(name, str) or not TYPES.fullmatch(name):
            raise DataError(f"contains an array of type {_shown(name)}, expected numbers or text")
        self.name, self.order = name.lstrip("<>|="), name[0] if name[0] in "<>" else "<"

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise DataError("contains a dtype with an invalid state")
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(object if self.name.startswith("O") else f"{self.order}{self.name}")


class _Array:
    """Unpickled array that is not validated yet: its raw bytes, dtype, shape and memory order; see `array`."""

    __slots__ = ("dtype", "order", "raw", "shape")

    def __init__(self, raw: Any = None, dtype: Any = None, shape: Any = None, order: Any = "C") -> None:
        self.raw, self.dtype, self.shape, self.order = raw, dtype, shape, order

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise DataError("contains an array with an invalid state")
        _, self.shape, self.dtype, fortran, self.raw = state
        self.order = "F" if fortran is True else "C"

    def array(self) -> AnyArray:
        """Return the array, which shares the memory of the raw bytes; raise `DataError` if its parts do not match."""
        shape = self.shape if isinstance(self.shape, tuple) else (self.shape,)
        if len(shape) > MAX_DIMENSIONS or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
            raise DataError("an array with an invalid shape")
        if not isinstance(self.dtype, _Dtype):
            raise DataError("an array without a dtype")
        dtype, count = self.dtype.dtype(), math.prod(shape)
        if dtype.hasobject:
            return _array_of_objects(self.raw, count).reshape(shape)
        # protocols 0 to 2 store bytes as text with the characters 0 to 255
        raw = self.raw.encode("latin-1") if isinstance(self.raw, str) else self.raw
        got = len(raw) if isinstance(raw, bytes | bytearray) else type(raw).__name__
        if not dtype.itemsize or got != count * dtype.itemsize:
            raise DataError(f"an array of shape {shape} and type {dtype} with {got} bytes")
        array = np.frombuffer(raw, dtype=dtype)
        if dtype.kind == "U" and (array.view(f"{dtype.str[0]}u4") > MAX_CHARACTER).any():
            raise DataError("text with invalid Unicode characters")
        return array.reshape(shape, order="F" if self.order == "F" else "C")


def _array_of_objects(raw: Any, count: int) -> AnyArray:
    array = _plain_array(raw) if isinstance(raw, list) and len(raw) == count else None
    if array is None and isinstance(raw, list) and len(raw) == count:
        array = _mixed_array(raw)
    if array is None:
        raise DataError("an array of objects that are not text or numbers")
    return array


def _empty_array(*arguments: Any) -> _Array:
    """Replace ``_reconstruct(ndarray, (0,), b"b")``; the content of the array follows as its state."""
    return _Array()


def _scalar(*arguments: Any) -> _Array:
    dtype, raw = arguments
    return _Array(raw, dtype, ())


def _from_buffer(*arguments: Any) -> _Array:
    raw, dtype, shape, order = arguments
    return _Array(raw, dtype, shape, order)


def _encode(*arguments: Any) -> str:
    """Replace ``codecs.encode(text, "latin1")``, which protocols 0 to 2 use for bytes. The text is kept as text."""
    text, codec = arguments
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise DataError("contains bytes in an unsupported encoding")
    return text


def _no_bytes(*arguments: Any) -> str:
    """Replace ``bytes()``, which protocols 0 to 2 use for empty bytes."""
    if arguments:
        raise DataError("contains a call of bytes() with arguments, which is not allowed")
    return ""


def _forbidden_call(*arguments: Any) -> None:
    raise DataError("calls numpy.ndarray, which is not allowed")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numpy ndarray": _forbidden_call,
    "numpy dtype": _Dtype,
    "_codecs encode": _encode,
    **{f"{builtins} bytes": _no_bytes for builtins in ("builtins", "__builtin__")},
    **{f"numpy.{core}.multiarray _reconstruct": _empty_array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": _from_buffer for core in ("core", "_core")},
}
"""Replacements of the functions that pickles of arrays refer to, by module and name."""


class _Mark:
    """Marker on the stack before the items of a container."""


MARK = _Mark()
IGNORED = ("PROTO", "FRAME", "STOP")
NUMBERS = ("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "MARK": lambda: MARK,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
VALUES = frozenset(NUMBERS + TEXTS + BYTES)
"""Instructions that push their argument onto the stack."""
MEMO_PUT = frozenset(("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"))
MEMO_GET = frozenset(("GET", "BINGET", "LONG_BINGET"))


class _Machine:
    """Stack machine with a stack and a memo of objects that are used again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: Any) -> Any:
        """Execute all instructions, and return the one object that remains on the stack."""
        argument: Any
        for opcode, argument, _ in pickletools.genops(stream):
            name = opcode.name
            if name in VALUES:
                self.stack.append(argument)
            elif name in MEMO_PUT:
                self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
            elif name in MEMO_GET:
                self.stack.append(self.memo[argument])
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name]())
            elif name in INSTRUCTIONS:
                INSTRUCTIONS[name](self)
            elif name in ("GLOBAL", "INST"):
                self.push_function(argument)
            elif name not in IGNORED:
                raise DataError(f"contains the instruction {name}, expected arrays and plain containers only")
        (result,) = self.stack
        return result

    def push_function(self, name: Any) -> None:
        """Push the replacement of a function, ``"<module> <name>"``, onto the stack. No module is imported."""
        if name not in FUNCTIONS:
            shown = _shown(str(name).replace(" ", "."))
            raise DataError(f"refers to {shown}, which is not allowed; expected arrays and plain containers only")
        self.stack.append(FUNCTIONS[name])

    def push_function_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise DataError("refers to an object by a name that is not text")
        self.push_function(f"{module} {name}")

    def pop_items(self) -> list[Any]:
        """Remove and return all items above the last mark on the stack."""
        items = []
        while (item := self.stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def push_tuple(self, n: int) -> None:
        self.stack.append(tuple([self.stack.pop() for _ in range(n)][::-1]))

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise DataError(f"appends to a {type(self.stack[-1]).__name__}, expected a list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise DataError(f"sets {len(items)} keys and values of a {type(self.stack[-1]).__name__}, expected a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise DataError(f"contains a dict with a key of type {type(key).__name__}, expected text")
            self.stack[-1][key] = value

    def push_dict(self, items: list[Any]) -> None:
        self.stack.append({})
        self.update(items)

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function not in FUNCTIONS.values() or not isinstance(arguments, tuple):
            raise DataError(f"calls a {type(function).__name__}, which is not allowed")
        self.stack.append(function(*arguments))

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Dtype | _Array):
            raise DataError(f"sets the state of a {type(self.stack[-1]).__name__}, which is not allowed")
        self.stack[-1].set_state(state)


INSTRUCTIONS: dict[str, Callable[[_Machine], Any]] = {
    "APPEND": lambda machine: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine: machine.extend(machine.pop_items()),
    "BUILD": _Machine.build,
    "DICT": lambda machine: machine.push_dict(machine.pop_items()),
    "DUP": lambda machine: machine.stack.append(machine.stack[-1]),
    "LIST": lambda machine: machine.stack.append(machine.pop_items()),
    "POP": lambda machine: machine.stack.pop(),
    "POP_MARK": _Machine.pop_items,
    "REDUCE": _Machine.call,
    "SETITEM": lambda machine: machine.update([machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine: machine.update(machine.pop_items()),
    "STACK_GLOBAL": _Machine.push_function_from_stack,
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.pop_items())),
    "TUPLE1": lambda machine: machine.push_tuple(1),
    "TUPLE2": lambda machine: machine.push_tuple(2),
    "TUPLE3": lambda machine: machine.push_tuple(3),
}


class _BoundedStream:
    """Stream that rejects reads beyond the end of the file, because reading allocates the requested size."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.n_left = stream, os.fstat(stream.fileno()).st_size

    def read(self, n: int) -> bytes:
        if n > self.n_left:
            raise DataError(f"truncated: {n} bytes declared, but only {self.n_left} left")
        self.n_left -= n
        return self.stream.read(n)

    def readline(self) -> bytes:
        line = self.stream.readline()
        self.n_left -= len(line)
        return line


def load_pickle(path: Path) -> Any:
    """Read a pickle of plain containers and NumPy arrays.

    Functions and classes in the file are neither imported nor called, and memory is bounded by the size of the file.

    Parameters
    ----------
    path : Path
        Pickle of any protocol.

    Returns
    -------
    object
        Lists, tuples, dicts with text keys, text, bytes (text in protocols 0 to 2), numbers, booleans and None. Arrays
        and NumPy scalars are opaque objects; convert them with `as_array`.

    Raises
    ------
    DataError
        If the file contains anything else, is truncated or damaged, or is not a pickle. The message names the file.
    """
    try:
        with path.open("rb") as stream:
            return _Machine().run(_BoundedStream(stream))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    # damaged files can cause exceptions of any type in the machine
    except Exception as error:
        reason = _shown(str(error) or type(error).__name__)
        raise DataError(f"{path}: not a readable pickle: truncated, damaged or of another format ({reason})") from None


def as_array(value: Any) -> AnyArray | None:
    """Convert an array, a scalar or a flat list from `load_pickle` to an array; return None for anything else.

    Raises
    ------
    DataError
        If the shape, type and bytes of an array do not match, or if texts would need more than 256 MiB. The caller
        adds the path to the message.
    """
    if isinstance(value, _Array):
        return value.array()
    return _plain_array(value) if isinstance(value, list | tuple) else None


def _plain_array(values: list[Any] | tuple[Any, ...]) -> AnyArray | None:
    """Return a flat list of only texts or only numbers as an array, any other list as None."""
    scalars = [entry for entry in values if isinstance(entry, _Array)]
    n_bytes = sum(len(entry.raw) for entry in scalars if isinstance(entry.raw, str | bytes))
    if n_bytes > MAX_TEXT_BYTES or any(entry.shape != () for entry in scalars):
        return None
    entries = [entry.array()[()] if isinstance(entry, _Array) else entry for entry in values]
    if all(isinstance(entry, str) for entry in entries):
        longest = max(map(len, entries), default=0)
        if 4 * longest * len(entries) > MAX_TEXT_BYTES:
            raise DataError(f"{len(entries)} texts of up to {longest} characters need more than {MAX_TEXT_BYTES} bytes")
        return np.array(entries, dtype=str)
    return np.array(entries) if all(map(_is_number, entries)) else None


def _mixed_array(values: list[Any]) -> AnyArray | None:
    """Return texts and numbers as an array of texts, such as ids of a video, a start and an end; else None."""
    if any(isinstance(entry, _Array) and entry.shape != () for entry in values):
        return None
    entries = [entry.array()[()] if isinstance(entry, _Array) else entry for entry in values]
    if not all(isinstance(entry, str | bytes) or _is_number(entry) for entry in entries):
        return None
    try:
        texts = [entry.decode("utf-8") if isinstance(entry, bytes) else str(entry) for entry in entries]
    except UnicodeDecodeError:
        return None
    return _plain_array(texts)


def _is_number(value: Any) -> bool:
    return isinstance(value, float | np.number) or (isinstance(value, int) and abs(value) < 2**63)


def _shown(value: Any) -> str:
    """Return a short one-line text for an error message."""
    if not isinstance(value, str):
        return type(value).__name__
    return (value if value.isprintable() else ascii(value))[:120]
