"""Progress of long operations, reported to a listener such as the command line. Without a listener nothing happens."""

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

__all__ = ["Listener", "listening", "stage", "tracked"]

Item = TypeVar("Item")


class Listener(Protocol):
    """Receiver of progress. Operations may be nested."""

    def begin(self, name: str, total: int | None) -> int:
        """Handle the start of an operation of `total` steps (None if unknown), and return its number."""

    def advance(self, operation: int) -> None:
        """Handle the end of one step of an operation."""

    def end(self, operation: int) -> None:
        """Handle the end of an operation, also by an exception."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Report all operations inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Report the block as an operation whose number of steps is unknown."""
    listener = _listener.get()
    if listener is None:
        yield
        return
    operation = listener.begin(name, None)
    try:
        yield
    finally:
        listener.end(operation)


def tracked(items: Iterable[Item], name: str, total: int | None = None) -> Iterator[Item]:
    """Yield all items and report each as one step of an operation.

    Parameters
    ----------
    items : iterable
    name : str
        Description of the operation, such as "predicting".
    total : int, optional
        Number of items. Default: the length of `items` if it has one.

    Examples
    --------
    >>> list(tracked([1, 2], "counting"))
    [1, 2]
    """
    listener = _listener.get()
    if listener is None:
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    operation = listener.begin(name, total)
    try:
        for item in items:
            yield item
            listener.advance(operation)
    finally:
        listener.end(operation)
