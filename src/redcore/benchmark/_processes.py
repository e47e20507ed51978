"""Backend that runs cells in worker processes on this machine."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext

from redcore.benchmark._cell_config import Cell
from redcore.benchmark._queue import Queue
from redcore.benchmark._record import Record
from redcore.benchmark._worker import Work

__all__ = ["in_processes"]


def in_processes(queue: Queue, work: Work, n_jobs: int) -> Iterator[Record]:
    """Run all cells of the queue in `n_jobs` processes and yield each record when it is written.

    If a process dies, for example because it is out of memory, its current cell fails and a new process replaces it.
    """
    context = _context()
    # one pool per process, because a broken pool does not report which of its processes died
    pools = [_pool(context) for _ in range(min(n_jobs, len(queue)))]
    running: dict[Future[Record], tuple[int, Cell]] = {}
    try:
        idle = list(range(len(pools)))
        while len(queue) or running:
            while idle and len(queue):
                slot, cell = idle.pop(), queue.pop()
                running[pools[slot].submit(work, cell)] = (slot, cell)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, cell = running.pop(future)
                try:
                    record = future.result()
                except BrokenProcessPool:
                    pools[slot] = _pool(context)
                    record = work.failed(cell, "the worker process died (killed or out of memory)")
                idle.append(slot)
                yield record
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)


def _context() -> BaseContext:
    """Return the start method of worker processes: "forkserver" if available, otherwise "spawn".

    This process itself is never forked because its thread pools would be in an undefined state. The fork server has
    imported all packages and run no computation, so that workers start fast.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["redcore.benchmark._cell"])
    return context


def _pool(context: BaseContext) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Exit this worker when the parent process is killed; otherwise it would continue to run cells."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
