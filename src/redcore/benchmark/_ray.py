"""Backend that runs cells on a Ray cluster of several machines."""

from collections.abc import Iterator
from typing import Any

from redcore.benchmark._cell_config import Cell
from redcore.benchmark._queue import Queue
from redcore.benchmark._record import Record
from redcore.benchmark._worker import Work
from redcore.exceptions import RunError

__all__ = ["on_ray"]

MAX_RETRIES = 5
"""Maximum number of times that a cell is restarted after its machine or process died."""


def on_ray(queue: Queue, work: Work, n_jobs: int | None) -> Iterator[Record]:
    """Run all cells of the queue on a Ray cluster and yield each record when it is written.

    If a machine dies, its cells are restarted on another machine, unless their records have been written. The cluster
    is the one that this process is connected to, otherwise the one at ``RAY_ADDRESS``, otherwise a local one. All of
    its machines must share the folders of records and data.
    """
    ray = _ray()
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    task = ray.remote(_run)
    running: dict[Any, Cell] = {}
    while len(queue) or running:
        # updated in every iteration because machines may join or leave the cluster
        max_running = n_jobs or max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(queue) and len(running) < max_running:
            cell = queue.pop()
            options = {"num_cpus": cell.n_threads, "max_retries": MAX_RETRIES, "name": cell.key()}
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
        raise RunError("package ray is not installed: pip install 'redcore[ray]'") from None
    return ray
