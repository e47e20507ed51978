"""Read pickles of NumPy arrays and plain containers without running anything that they name.

A pickle is a program for a stack machine. This is a machine that knows the instructions by which lists, tuples, dicts,
texts, numbers and arrays are built, and no others. The standard one would do more than is wanted even with a list of
allowed names: it sets attributes of whatever is on its stack, hashes tuples so deeply nested that the process dies,
and allocates what a file merely declares. Here an array is a note of its parts until `as_array` has checked them.
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
"""Texts of a list are made as long as the longest of them; more bytes than this in all are refused."""


class _Dtype:
    """A dtype on its way: its name, and the byte order that its state tells."""

    __slots__ = ("name", "order")

    def __init__(self, *arguments: Any) -> None:
        name = arguments[0] if arguments else None
        if not isinstance(name, str) or not TYPES.fullmatch(name):
            raise DataError(f"it holds an array of type {_shown(name)}, expected numbers or texts")
        self.name, self.order = name.lstrip("<>|="), name[0] if name[0] in "<>" else "<"

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise DataError("it holds a dtype with a foreign state")
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(object if self.name.startswith("O") else f"{self.order}{self.name}")


class _Array:
    """An array on its way: the parts of which `array` makes it. They share the memory of the file's content."""

    __slots__ = ("dtype", "order", "raw", "shape")

    def __init__(self, raw: Any = None, dtype: Any = None, shape: Any = None, order: Any = "C") -> None:
        self.raw, self.dtype, self.shape, self.order = raw, dtype, shape, order

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise DataError("it holds an array with a foreign state")
        _, self.shape, self.dtype, fortran, self.raw = state
        self.order = "F" if fortran is True else "C"

    def array(self) -> AnyArray:
        shape = self.shape if isinstance(self.shape, tuple) else (self.shape,)
        if len(shape) > MAX_DIMENSIONS or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
            raise DataError("an array of a foreign shape")
        if not isinstance(self.dtype, _Dtype):
            raise DataError("an array without a dtype")
        dtype, count = self.dtype.dtype(), math.prod(shape)
        if dtype.hasobject:
            return _array_of_objects(self.raw, count).reshape(shape)
        # protocols 0 to 2 have no bytes, but texts of the characters 0 to 255
        raw = self.raw.encode("latin-1") if isinstance(self.raw, str) else self.raw
        got = len(raw) if isinstance(raw, bytes | bytearray) else type(raw).__name__
        if not dtype.itemsize or got != count * dtype.itemsize:
            raise DataError(f"an array of shape {shape} and type {dtype} with {got} bytes")
        array = np.frombuffer(raw, dtype=dtype)
        if dtype.kind == "U" and (array.view(f"{dtype.str[0]}u4") > MAX_CHARACTER).any():
            raise DataError("texts of characters that there are not")
        return array.reshape(shape, order="F" if self.order == "F" else "C")


def _array_of_objects(raw: Any, count: int) -> AnyArray:
    array = _plain_array(raw) if isinstance(raw, list) and len(raw) == count else None
    if array is None:
        raise DataError("an array of objects that are not texts or numbers")
    return array


def _empty_array(*arguments: Any) -> _Array:
    """Stand for ``_reconstruct(ndarray, (0,), b"b")``: the array gets its content as its state."""
    return _Array()


def _scalar(*arguments: Any) -> _Array:
    dtype, raw = arguments
    return _Array(raw, dtype, ())


def _from_buffer(*arguments: Any) -> _Array:
    raw, dtype, shape, order = arguments
    return _Array(raw, dtype, shape, order)


def _encode(*arguments: Any) -> str:
    """Stand for ``codecs.encode(text, "latin1")``, by which protocols 0 to 2 hold bytes; it stays the text it is."""
    text, codec = arguments
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise DataError("it holds bytes in a foreign encoding")
    return text


def _no_bytes(*arguments: Any) -> str:
    """Stand for ``bytes()``, by which protocols 0 to 2 hold no bytes."""
    if arguments:
        raise DataError("it holds bytes that are made from something else")
    return ""


def _not_to_be_called(*arguments: Any) -> None:
    raise DataError("it calls numpy.ndarray, which is refused")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numpy ndarray": _not_to_be_called,
    "numpy dtype": _Dtype,
    "_codecs encode": _encode,
    **{f"{builtins} bytes": _no_bytes for builtins in ("builtins", "__builtin__")},
    **{f"numpy.{core}.multiarray _reconstruct": _empty_array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": _from_buffer for core in ("core", "_core")},
}
"""What stands for the names that pickles of arrays hold: module, space, name."""


class _Mark:
    """Where the items of a container begin on the stack."""


MARK = _Mark()
NOTHING = ("PROTO", "FRAME", "STOP")
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
"""Their argument is what they put on the stack."""
REMEMBER = frozenset(("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"))
RECALL = frozenset(("GET", "BINGET", "LONG_BINGET"))


class _Machine:
    """The stack, and the memory of what will be needed again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def run(self, stream: Any) -> Any:
        """Do all instructions, and return what is left on the stack."""
        argument: Any
        for opcode, argument, _ in pickletools.genops(stream):
            name = opcode.name
            if name in VALUES:
                self.stack.append(argument)
            elif name in REMEMBER:
                self.memory[len(self.memory) if argument is None else argument] = self.stack[-1]
            elif name in RECALL:
                self.stack.append(self.memory[argument])
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name]())
            elif name in INSTRUCTIONS:
                INSTRUCTIONS[name](self)
            elif name in ("GLOBAL", "INST"):
                self.name(argument)
            elif name not in NOTHING:
                raise DataError(f"it holds the instruction {name}, expected arrays and plain containers only")
        (result,) = self.stack
        return result

    def name(self, name: Any) -> None:
        """Put our function on the stack that stands for a name; no module is imported."""
        if name not in FUNCTIONS:
            told = _shown(str(name).replace(" ", "."))
            raise DataError(f"it names {told}, which is refused; expected arrays and plain containers only")
        self.stack.append(FUNCTIONS[name])

    def stack_name(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise DataError("it names something that is not a text")
        self.name(f"{module} {name}")

    def items(self) -> list[Any]:
        """Take everything down to the last mark from the stack."""
        items = []
        while (item := self.stack.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def tuple_of(self, n: int) -> None:
        self.stack.append(tuple([self.stack.pop() for _ in range(n)][::-1]))

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise DataError("it appends to something that is not a list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict) or len(items) % 2:
            raise DataError("it sets keys of something that is not a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise DataError(f"it holds a dict with a key of type {type(key).__name__}, expected texts")
            self.stack[-1][key] = value

    def dict_of(self, items: list[Any]) -> None:
        self.stack.append({})
        self.update(items)

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function not in FUNCTIONS.values() or not isinstance(arguments, tuple):
            raise DataError(f"it calls a {type(function).__name__}, which is refused")
        self.stack.append(function(*arguments))

    def build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Dtype | _Array):
            raise DataError(f"it sets the state of a {type(self.stack[-1]).__name__}, which is refused")
        self.stack[-1].set_state(state)


INSTRUCTIONS: dict[str, Callable[[_Machine], Any]] = {
    "APPEND": lambda machine: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine: machine.extend(machine.items()),
    "BUILD": _Machine.build,
    "DICT": lambda machine: machine.dict_of(machine.items()),
    "DUP": lambda machine: machine.stack.append(machine.stack[-1]),
    "LIST": lambda machine: machine.stack.append(machine.items()),
    "POP": lambda machine: machine.stack.pop(),
    "POP_MARK": _Machine.items,
    "REDUCE": _Machine.call,
    "SETITEM": lambda machine: machine.update([machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine: machine.update(machine.items()),
    "STACK_GLOBAL": _Machine.stack_name,
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.items())),
    "TUPLE1": lambda machine: machine.tuple_of(1),
    "TUPLE2": lambda machine: machine.tuple_of(2),
    "TUPLE3": lambda machine: machine.tuple_of(3),
}


class _Limited:
    """A stream that is not asked for more than it holds, since reading allocates what is asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.left = stream, os.fstat(stream.fileno()).st_size

    def read(self, n: int) -> bytes:
        if n > self.left:
            raise DataError(f"truncated: it declares {n} bytes where {self.left} are left")
        self.left -= n
        return self.stream.read(n)

    def readline(self) -> bytes:
        line = self.stream.readline()
        self.left -= len(line)
        return line


def load_pickle(path: Path) -> Any:
    """Read a pickle of plain containers and NumPy arrays.

    Parameters
    ----------
    path : Path
        Pickle of any protocol.

    Returns
    -------
    object
        Lists, tuples, dicts with texts as keys, texts, bytes (texts in protocols 0 to 2), numbers, booleans, None; and
        arrays and NumPy's scalars in a form from which `as_array` takes them.

    Raises
    ------
    DataError
        If it names anything but arrays, is truncated, damaged or no pickle; the message names the file. Nothing that
        the file names is imported or called, and memory is bounded by the size of the file.
    """
    try:
        with path.open("rb") as stream:
            return _Machine().run(_Limited(stream))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    # what is damaged fails in every way in which a stack machine can
    except Exception as error:
        reason = _shown(str(error) or type(error).__name__)
        raise DataError(f"{path}: not a readable pickle: truncated, damaged or of another format ({reason})") from None


def as_array(value: Any) -> AnyArray | None:
    """Return an array, scalar, or flat list of texts or numbers of a loaded pickle as an array; None for anything else.

    Raises
    ------
    DataError
        If shape, type and bytes do not agree, or texts would take more than 256 MiB. The message names no file.
    """
    if isinstance(value, _Array):
        return value.array()
    return _plain_array(value) if isinstance(value, list | tuple) else None


def _plain_array(values: list[Any] | tuple[Any, ...]) -> AnyArray | None:
    """Return the array of a flat list of texts only or numbers only, or None."""
    scalars = [entry for entry in values if isinstance(entry, _Array)]
    n_bytes = sum(len(entry.raw) for entry in scalars if isinstance(entry.raw, str | bytes))
    if n_bytes > MAX_TEXT_BYTES or any(entry.shape != () for entry in scalars):
        return None
    entries = [entry.array()[()] if isinstance(entry, _Array) else entry for entry in values]
    if all(isinstance(entry, str) for entry in entries):
        longest = max(map(len, entries), default=0)
        if 4 * longest * len(entries) > MAX_TEXT_BYTES:
            raise DataError(f"{len(entries)} texts, one of {longest} characters")
        return np.array(entries, dtype=str)
    return np.array(entries) if all(map(_is_number, entries)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float | np.number) or (isinstance(value, int) and abs(value) < 2**63)


def _shown(value: Any) -> str:
    """Return a short text of one line for a message."""
    if not isinstance(value, str):
        return type(value).__name__
    return (value if value.isprintable() else ascii(value))[:120]
