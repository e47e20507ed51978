"""One array of a ``.npy`` file, read without trusting the size that the file declares."""

import io
import math
from pathlib import Path
from tokenize import TokenError

import numpy as np

from redcore._types import AnyArray
from redcore.exceptions import DataError

__all__ = ["NPY_ERRORS", "read_npy"]

MAX_HEADER_BYTES = 2**16
NPY_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    SyntaxError,
    TokenError,
    RecursionError,
    MemoryError,
    OverflowError,
    TypeError,
)
"""Exceptions that NumPy raises for damaged headers, which are Python literals."""


def read_npy(path: Path) -> AnyArray:
    """Return the array of a file, of any shape and of any type but Python objects.

    Raises
    ------
    DataError
        If the file is not readable, contains pickled objects, or has another size than its header declares.
    """
    try:
        with path.open("rb") as stream:
            # the header may declare any length for itself, so only its beginning is parsed
            start = io.BytesIO(stream.read(MAX_HEADER_BYTES))
            version = np.lib.format.read_magic(start)
            if version == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(start)
            else:
                shape, _, dtype = np.lib.format.read_array_header_2_0(start)
            # entries without bytes would pass the check of the size in any number
            if dtype.hasobject or not dtype.itemsize:
                raise DataError(f"{path}: an array of {dtype}, expected numbers")
            n_bytes = path.stat().st_size - start.tell()
            if math.prod(shape) * dtype.itemsize != n_bytes:
                raise DataError(f"{path}: shape {shape} of {dtype} with {n_bytes} bytes of data, expected another size")
            stream.seek(0)
            array: AnyArray = np.load(stream, allow_pickle=False)
            return array
    except DataError:
        raise
    except NPY_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: not a readable npy array: truncated, or of another format ({reason})") from None
