"""Run the cells of a benchmark on all cores; what is done already is not done again."""

import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from redcore._files import write_atomic, write_json
from redcore._types import AnyArray
from redcore.benchmark._record import Record, read_record
from redcore.benchmark._spec import Cell, Spec
from redcore.exceptions import RunError

__all__ = ["missing_cells", "run"]

Progress = Callable[[Record], None]


def missing_cells(spec: Spec, folder: Path) -> list[Cell]:
    """Return the cells of `spec` that have no finished record in `folder`; failed ones are tried again."""
    return [cell for cell in spec.cells() if not _is_done(folder / "records" / f"{cell.key()}.json")]


def _is_done(path: Path) -> bool:
    return path.exists() and read_record(path).status == "done"


def run(
    spec: Spec,
    folder: Path,
    *,
    n_jobs: int = 1,
    data_folder: Path | None = None,
    progress: Progress = lambda record: None,
) -> None:
    """Run what is missing of a benchmark.

    Parameters
    ----------
    spec : Spec
    folder : Path
        Gets ``spec.json``, ``records/<key>.json`` and ``predictions/<key>.npy``; it may hold records of earlier runs,
        also of a benchmark with fewer cells.
    n_jobs : int, default 1
        Processes.
    data_folder : Path, optional
        Where data files of the spec are.
    progress : callable
        Called with every record when it is written.

    Raises
    ------
    RunError
        If the folder cannot be made, or a worker process died; all finished records are kept.
    """
    for name in ("records", "predictions"):
        try:
            (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be made ({error.strerror})") from None
    write_json(folder / "spec.json", spec.dump())
    cells = missing_cells(spec, folder)
    if n_jobs == 1:
        for cell in cells:
            progress(_run_and_write(cell, folder, data_folder))
        return
    _run_in_processes(cells, folder, n_jobs, data_folder, progress)


def _run_in_processes(
    cells: Iterable[Cell], folder: Path, n_jobs: int, data_folder: Path | None, progress: Progress
) -> None:
    # spawned: a forked process would inherit the thread pools of torch in an unknown state
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, mp_context=context, initializer=_end_with_parent) as pool:
        waiting: set[Future[Record]] = {pool.submit(_run_and_write, cell, folder, data_folder) for cell in cells}
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    progress(future.result())
        except BrokenProcessPool:
            raise RunError(f"{folder}: a worker process died; run the same again to go on") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Let this worker end when the run is killed: it would go on with cells that nobody waits for."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    """Run on so many threads, in torch and in linear algebra."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)


def _run_and_write(cell: Cell, folder: Path, data_folder: Path | None) -> Record:
    """Run one cell and write its record; a cell that fails leaves a record that says why."""
    from redcore.benchmark._cell import run_cell

    outputs: AnyArray | None = None
    try:
        with _threads(cell.n_threads):
            record, outputs = run_cell(cell, data_folder)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
        record = Record(key=cell.key(), cell=cell, status="failed", error=text)
    if outputs is not None:
        final = outputs.astype(np.float32)
        write_atomic(folder / "predictions" / f"{record.key}.npy", lambda path: np.save(path, final))
    # the record last: it marks the cell as done
    write_json(folder / "records" / f"{record.key}.json", record.dump())
    return record
