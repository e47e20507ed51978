"""Several worker processes that serve one model on one socket."""

import logging.config
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from prometheus_client.multiprocess import mark_process_dead

from redcore.exceptions import RunError
from redcore.serving._logs import log_config, logger
from redcore.serving._metrics import FOLDER_VARIABLE
from redcore.serving._server import GRACE_SECONDS, ServerConfig, load_app, run_server

__all__ = ["run_workers"]

SHORT_LIFE_SECONDS = 10.0
"""A worker that ends earlier than this after its start counts as a failed start."""

MAX_FAILED_STARTS = 5
"""Failed starts in a row after which the service stops."""


def run_workers(config: ServerConfig, listener: socket.socket, n_workers: int) -> None:
    """Serve on a bound socket with `n_workers` processes until SIGINT or SIGTERM.

    A worker that ends is replaced. Workers have their own model, queues and limits. They share their metrics by files,
    so that any of them answers with the sums.

    Raises
    ------
    RunError
        If workers repeatedly end right after their start.
    """
    logging.config.dictConfig(log_config(config.json_logs))
    with tempfile.TemporaryDirectory(prefix="redcore-metrics-") as folder, _environment(FOLDER_VARIABLE, folder):
        stop = _StopSignal()
        with stop:
            _supervise(config, listener, n_workers, folder, stop)


class _StopSignal:
    """Context manager that records SIGINT and SIGTERM and makes `reader` readable when one arrives."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.is_set = False

    def __enter__(self) -> "_StopSignal":
        self._previous = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def _handle(self, *_: object) -> None:
        self.is_set = True
        self._writer.send(b"x")

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self.reader.close()
        self._writer.close()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable, which processes started in the block inherit."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _supervise(config: ServerConfig, listener: socket.socket, n_workers: int, folder: str, stop: _StopSignal) -> None:
    workers = {_start(config, listener, n_workers): time.monotonic() for _ in range(n_workers)}
    n_failed = 0
    try:
        while not stop.is_set:
            wait([*(worker.sentinel for worker in workers), stop.reader])
            ended = [worker for worker in workers if not worker.is_alive()]
            for worker in ended if not stop.is_set else ():
                lived = time.monotonic() - workers.pop(worker)
                mark_process_dead(worker.pid, folder)  # type: ignore[no-untyped-call]
                n_failed = n_failed + 1 if lived < SHORT_LIFE_SECONDS else 0
                if n_failed >= MAX_FAILED_STARTS:
                    raise RunError(f"{n_failed} workers in a row ended within {SHORT_LIFE_SECONDS:g} s of their start")
                logger.warning("worker %s ended with status %s; it is replaced", worker.pid, worker.exitcode)
                workers[_start(config, listener, n_workers)] = time.monotonic()
    finally:
        _stop(list(workers))


def _start(config: ServerConfig, listener: socket.socket, n_workers: int) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(config, listener, n_workers))
    process.start()
    return process


def _stop(workers: list[SpawnProcess]) -> None:
    """Let all workers answer their requests in flight, and kill those that do not end."""
    for worker in workers:
        worker.terminate()
    end = time.monotonic() + GRACE_SECONDS + 5
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()


def _work(config: ServerConfig, listener: socket.socket, n_workers: int) -> None:
    """Run one worker until SIGTERM, or until the supervising process is gone."""
    import torch

    # Ctrl-C reaches all processes of a terminal; the supervising process ends the workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // n_workers))
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, daemon=True).start()
    run_server(config, load_app(config), listener)
