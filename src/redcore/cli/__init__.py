"""The command-line interface ``redcore COMMAND``.

Each command has its own module. Slow imports are inside the functions, so that ``redcore --help`` starts quickly.
"""

import errno
import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from redcore._progress import listening
from redcore.cli._progress import Bars
from redcore.exceptions import ProcessLostError, RedCoreError, TrainingInterrupted

__all__ = ["main"]

BAD_INPUT, INTERNAL_ERROR, INTERRUPTED = 2, 1, 130

MACHINE_ERRORS = frozenset(
    {
        errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOTDIR,
        errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENXIO,
    }
)  # fmt: skip
"""Errors of file systems, which are reported in one line: a full or read-only disk, no rights, a wrong kind of path."""

ALLOCATIONS_PER_COLLECTION = 50_000
"""Threshold of the garbage collector. With Python's default of 700, it takes a fifth of the time of the imports."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments : list of str, optional
        Command-line arguments without the program name; ``sys.argv[1:]`` if absent.

    Returns
    -------
    int
        0 on success; 1 on an internal error; 2 on invalid input, with a one-line message on stderr; 130 if interrupted.
    """
    with _rare_collections(), listening(Bars()):
        return _run(arguments)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector run rarely inside the block."""
    before = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _run(arguments: list[str] | None) -> int:
    """Run one command and return its exit status; see `main`."""
    from redcore.cli._app import app

    try:
        status = app(args=arguments, standalone_mode=False)
    except TrainingInterrupted as error:
        return _fail(str(error), INTERRUPTED)
    except ProcessLostError as error:
        return _fail(str(error), INTERNAL_ERROR)
    except RedCoreError as error:
        return _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            return _report_unexpected(error)
        return _fail(f"{error.filename or 'a file'}: {os.strerror(error.errno)}", BAD_INPUT)
    except Exception as error:
        return _report_unexpected(error)
    if status == INTERRUPTED:
        # depending on its version, typer converts a KeyboardInterrupt to this status or to Abort
        return _fail("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int) -> int:
    sys.stderr.write("redcore: " + " ".join(message.split()) + "\n")
    return status


def _report_unexpected(error: Exception) -> int:
    """Report a usage error as invalid input and any other exception as an internal error with its traceback."""
    # compared by name: depending on its version, typer vendors click's exceptions or imports them from click
    if type(error).__name__ == "NoArgsIsHelpError":
        return BAD_INPUT
    if type(error).__name__ == "Abort":
        return _fail("interrupted", INTERRUPTED)
    if hasattr(error, "format_message"):
        return _fail(error.format_message().replace("Value error, ", ""), BAD_INPUT)
    traceback.print_exc()
    return _fail(f"internal error, please report it: {type(error).__name__}: {error}", INTERNAL_ERROR)
