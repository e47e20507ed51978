"""In which order cells are run."""

from collections import defaultdict, deque
from collections.abc import Iterable

from redcore.benchmark._cell_config import Cell
from redcore.benchmark._record import Record

__all__ = ["Queue"]

Kind = tuple[str, str]
"""Data set and method: what the time of a cell depends on most."""


class Queue:
    """Cells that wait: lower seeds first, so that a stopped run has whole seeds; within a seed the longest first.

    How long a kind of cell takes is learnt from those that are done, and kinds not seen yet come first: at the end,
    where processes run out of work, only short cells are left.

    Parameters
    ----------
    cells : iterable of Cell
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._waiting: dict[int, dict[Kind, deque[Cell]]] = defaultdict(lambda: defaultdict(deque))
        self._seconds: dict[Kind, list[float]] = defaultdict(list)
        self._n_waiting = 0
        for cell in cells:
            self._waiting[cell.seed][_kind(cell)].append(cell)
            self._n_waiting += 1

    def __len__(self) -> int:
        return self._n_waiting

    def pop(self) -> Cell:
        """Take the next cell."""
        seed = min(self._waiting)
        kinds = self._waiting[seed]
        kind = max(kinds, key=self._expected)
        cell = kinds[kind].popleft()
        if not kinds[kind]:
            del kinds[kind]
        if not kinds:
            del self._waiting[seed]
        self._n_waiting -= 1
        return cell

    def learn(self, record: Record) -> None:
        """Take in how long a cell took."""
        self._seconds[_kind(record.cell)].append(sum(record.seconds.values()))

    def _expected(self, kind: Kind) -> float:
        seen = self._seconds.get(kind)
        return sum(seen) / len(seen) if seen else float("inf")


def _kind(cell: Cell) -> Kind:
    return cell.data.title(), cell.method.title()
