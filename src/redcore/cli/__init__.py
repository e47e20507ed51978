"""The command line: ``redcore COMMAND``. One file per command; heavy imports wait inside the functions."""

import sys
import traceback

from redcore.exceptions import ProcessLostError, RedCoreError, TrainingInterrupted

__all__ = ["main"]

BAD_INPUT, OURS, INTERRUPTED = 2, 1, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    Returns
    -------
    int
        0; 2 on bad input, with one line that says what is wrong; 1 on a fault of ours; 130 on an interrupt.
    """
    from redcore.cli._app import app

    try:
        status = app(args=arguments, standalone_mode=False)
    except TrainingInterrupted as error:
        return _fail(str(error), INTERRUPTED)
    except ProcessLostError as error:
        return _fail(str(error), OURS)
    except RedCoreError as error:
        return _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except Exception as error:
        return _unexpected(error)
    if status == INTERRUPTED:
        # typer, depending on its version, turns a KeyboardInterrupt into this status or into Abort
        return _fail("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int) -> int:
    sys.stderr.write("redcore: " + " ".join(message.split()) + "\n")
    return status


def _unexpected(error: Exception) -> int:
    """Report usage errors of the command line as bad input, and everything else as ours, with its traceback."""
    # by name, as typer brings click's exceptions either itself or from click, depending on its version
    if type(error).__name__ == "NoArgsIsHelpError":
        return BAD_INPUT
    if type(error).__name__ == "Abort":
        return _fail("interrupted", INTERRUPTED)
    if hasattr(error, "format_message"):
        return _fail(error.format_message().replace("Value error, ", ""), BAD_INPUT)
    traceback.print_exc()
    return _fail(f"a fault of redcore, not of your input: {type(error).__name__}: {error}", OURS)
