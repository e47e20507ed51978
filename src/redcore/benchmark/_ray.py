"""Run cells on a Ray cluster: past one machine."""

from collections.abc import Iterator
from typing import Any

from redcore.benchmark._cell_config import Cell
from redcore.benchmark._queue import Queue
from redcore.benchmark._record import Record
from redcore.benchmark._worker import Work
from redcore.exceptions import RunError

__all__ = ["on_ray"]

MOST_RETRIES = 5
"""How often a cell is started anew after its machine or process died."""


def on_ray(queue: Queue, work: Work, n_jobs: int | None) -> Iterator[Record]:
    """Yield the records as they are written.

    A cell whose machine dies is started again on another one, unless its record is there: nothing is lost, and what is
    done is not done again. The cluster is the one that this process is connected to, else that of ``RAY_ADDRESS``, else
    one on this machine; the folders must be the same for all of its machines.
    """
    ray = _ray()
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    task = ray.remote(_run)
    running: dict[Any, Cell] = {}
    while len(queue) or running:
        # asked anew each time: machines come and go
        most = n_jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(queue) and len(running) < most:
            cell = queue.pop()
            options = {"num_cpus": cell.n_threads, "max_retries": MOST_RETRIES, "name": cell.key()}
            running[task.options(**options).remote(work, cell)] = cell
        finished, _ = ray.wait(list(running), num_returns=1)
        for reference in finished:
            cell = running.pop(reference)
            try:
                yield ray.get(reference)
            except ray.exceptions.RayError as error:
                yield work.failed(cell, f"{type(error).__name__}: {error}".splitlines()[0])


def _run(work: Work, cell: Cell) -> Record:
    return work(cell)


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise RunError("the Ray backend needs ray: pip install 'redcore[ray]'") from None
    return ray
