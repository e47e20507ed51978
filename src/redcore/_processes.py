"""Worker processes that run one task each at a time. A process that dies costs its current task only."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import TypeVar

__all__ = ["end_with_parent", "in_processes", "worker_context"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_processes(
    tasks: Iterator[Task],
    work: Callable[[Task], Result],
    died: Callable[[Task, str], Result],
    n_jobs: int,
    preload: str,
) -> Iterator[Result]:
    """Run all tasks in at most `n_jobs` processes and yield each result when its task is finished.

    A process that dies, for example because it is out of memory, is replaced by a new one.

    Parameters
    ----------
    tasks : iterator
        A task is taken from the iterator only when a process is idle.
    work : callable
        Function that runs a task. It can be pickled.
    died : callable
        Function that returns the result of a task whose process died, from the task and a reason.
    n_jobs : int
    preload : str
        Module that the processes have imported when they start. It must not run computations on import.
    """
    context = worker_context(preload)
    # one pool per process, because a broken pool does not report which of its processes died
    pools: list[ProcessPoolExecutor] = []
    running: dict[Future[Result], tuple[int, Task]] = {}
    idle: list[int] = []
    is_empty = False
    try:
        while not is_empty or running:
            while not is_empty and len(running) < n_jobs:
                try:
                    task = next(tasks)
                except StopIteration:
                    is_empty = True
                    break
                if not idle:
                    pools.append(_pool(context))
                    idle.append(len(pools) - 1)
                slot = idle.pop()
                running[pools[slot].submit(work, task)] = (slot, task)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                slot, task = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    pools.append(_pool(context))
                    slot = len(pools) - 1
                    result = died(task, "the worker process died (killed or out of memory)")
                idle.append(slot)
                yield result
    finally:
        # await pools without a task, which end at once: Python may otherwise write to their closed pipes at exit
        busy = {slot for slot, _ in running.values()}
        for slot, pool in enumerate(pools):
            pool.shutdown(wait=slot not in busy, cancel_futures=True)


def worker_context(preload: str) -> BaseContext:
    """Return the start method of worker processes: "forkserver" if available, otherwise "spawn".

    This process itself is never forked because its thread pools would be in an undefined state. The fork server has
    imported all packages and run no computation, so that workers start fast.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    return context


def _pool(context: BaseContext) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)


def end_with_parent() -> None:
    """Exit this worker when the parent process is killed; otherwise it would continue to run tasks."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
