"""Order of cells: by seed, then by expected duration."""

from redcore.benchmark import Record, Spec
from redcore.benchmark._queue import Queue

SPEC = Spec.checked(
    {
        "title": "x",
        "data": [{"name": "d"}],
        "protocol": [{"name": "shared", "rates": [rate]} for rate in (0.1, 0.2)],
        "method": [{"name": "prior"}, {"name": "redcore"}],
        "n_seeds": 2,
    }
)
SECONDS = {"prior": 1.0, "redcore": 9.0}


def test_order():
    queue, order = Queue(SPEC.cells()), []
    while len(queue):
        cell = queue.pop()
        order.append((cell.seed, cell.method.name))
        queue.learn(Record(key="k", cell=cell, status="done", seconds={"fit": SECONDS[cell.method.name]}))
    # methods of unknown duration come first, then the slowest
    assert order == [
        *((0, name) for name in ("prior", "redcore", "redcore", "prior")),
        *((1, name) for name in ("redcore", "redcore", "prior", "prior")),
    ]
