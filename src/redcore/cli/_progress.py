"""Progress of long operations on the terminal."""

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bars", "duration"]

DELAY_SECONDS = 2.0
"""Time after which an operation is shown."""


def is_shown() -> bool:
    """Return True if progress is shown: stderr is a terminal."""
    return sys.stderr.isatty()


class Bars:
    """Listener that shows every operation of more than two seconds on stderr, if it is a terminal.

    An operation with a known number of steps has a bar and the remaining time; any other has the elapsed time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operations: dict[int, tuple[str, int | None, int]] = {}
        self._tasks: dict[int, TaskID] = {}
        self._timers: dict[int, threading.Timer] = {}
        self._progress: Progress | None = None
        self._n_begun = 0

    def begin(self, name: str, total: int | None) -> int:
        """Start the time after which the operation is shown."""
        with self._lock:
            self._n_begun += 1
            operation = self._n_begun
            self._operations[operation] = (name, total, 0)
            if is_shown():
                timer = threading.Timer(DELAY_SECONDS, self._show, (operation,))
                timer.daemon = True
                self._timers[operation] = timer
                timer.start()
        return operation

    def advance(self, operation: int) -> None:
        """Advance the bar of an operation."""
        with self._lock:
            name, total, done = self._operations[operation]
            self._operations[operation] = (name, total, done + 1)
            if self._progress is not None and operation in self._tasks:
                self._progress.update(self._tasks[operation], completed=done + 1)

    def end(self, operation: int) -> None:
        """Remove the bar of an operation."""
        with self._lock:
            del self._operations[operation]
            timer, task = self._timers.pop(operation, None), self._tasks.pop(operation, None)
            if timer is not None:
                timer.cancel()
            if self._progress is not None and task is not None:
                self._progress.remove_task(task)
            if self._progress is not None and not self._tasks:
                self._progress.stop()
                self._progress = None

    def _show(self, operation: int) -> None:
        from rich.errors import LiveError
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        from redcore.cli._output import messages

        with self._lock:
            if operation not in self._operations or messages.quiet:
                return
            if self._progress is None:
                name = TextColumn("{task.description}")
                times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
                progress = Progress(name, BarColumn(), *times, console=messages, transient=True)
                try:
                    progress.start()
                except LiveError:
                    return  # another bar, such as that of a fit
                self._progress = progress
            description, total, done = self._operations[operation]
            self._tasks[operation] = self._progress.add_task(description, total=total, completed=done)


def duration(seconds: float) -> str:
    """Return a rounded time, such as "40 s", "12 min" or "3 h 20 min".

    Examples
    --------
    >>> [duration(seconds) for seconds in (0.4, 59.7, 725, 12_000)]
    ['0 s', '1 min', '12 min', '3 h 20 min']
    """
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
