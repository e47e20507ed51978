"""Order in which cells are run."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from redcore.benchmark._cell_config import Cell
from redcore.benchmark._record import Record

__all__ = ["Queue"]

Kind = tuple[str, str]
"""Data set and method, which have the largest influence on the duration of a cell."""


class Queue:
    """Priority queue of cells, by seed and then by expected duration.

    Lower seeds come first, so that an interrupted run contains complete seeds. Within a seed, the longest cells come
    first, so that only short cells are left when processes run out of work. The expected duration is the mean over
    finished cells of the same data set and method; combinations without a finished cell come first.

    Parameters
    ----------
    cells : iterable of Cell
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: dict[int, dict[Kind, deque[Cell]]] = defaultdict(lambda: defaultdict(deque))
        self._seconds: dict[Kind, list[float]] = defaultdict(list)
        self._n_cells = 0
        for cell in cells:
            self._cells[cell.seed][_kind(cell)].append(cell)
            self._n_cells += 1

    def __len__(self) -> int:
        return self._n_cells

    def pop(self) -> Cell:
        """Remove and return the next cell."""
        seed = min(self._cells)
        kinds = self._cells[seed]
        kind = max(kinds, key=self._expected)
        cell = kinds[kind].popleft()
        if not kinds[kind]:
            del kinds[kind]
        if not kinds:
            del self._cells[seed]
        self._n_cells -= 1
        return cell

    def drain(self) -> Iterator[Cell]:
        """Remove and yield the next cell until the queue is empty."""
        while len(self):
            yield self.pop()

    def learn(self, record: Record) -> None:
        """Update the expected durations with a finished cell."""
        self._seconds[_kind(record.cell)].append(sum(record.seconds.values()))

    def _expected(self, kind: Kind) -> float:
        durations = self._seconds.get(kind)
        return sum(durations) / len(durations) if durations else float("inf")


def _kind(cell: Cell) -> Kind:
    return cell.data.title(), cell.method.title()
