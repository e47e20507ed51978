"""Run all cells of a benchmark that have no finished record."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from redcore._extras import is_installed
from redcore._files import write_json
from redcore._processes import in_processes
from redcore.benchmark._cell_config import Cell
from redcore.benchmark._queue import Queue
from redcore.benchmark._ray import on_ray
from redcore.benchmark._record import Record
from redcore.benchmark._spec import Spec
from redcore.benchmark._worker import Work
from redcore.exceptions import RunError

__all__ = ["Backend", "missing_cells", "run"]

Backend = Literal["process", "ray"]
Progress = Callable[[Record], None]


def missing_cells(spec: Spec, folder: str | Path) -> list[Cell]:
    """Return the cells of `spec` without a finished record in `folder`, including failed cells."""
    work = Work(Path(folder))
    return [cell for cell in spec.cells() if not work.is_done(cell)]


def run(
    spec: Spec,
    folder: str | Path,
    *,
    n_jobs: int | None = None,
    backend: Backend = "process",
    data_folder: str | Path | None = None,
    progress: Progress = lambda record: None,
) -> None:
    """Run all cells of a benchmark that have no finished record.

    Parameters
    ----------
    spec : Spec
    folder : str or Path
        Output folder for ``spec.json``, ``records/<key>.json``, ``predictions/<key>.npy``, ``samples/<key>.npz`` and,
        for tuned methods, ``tuning/<key>/``. It may contain records of earlier runs, also of a benchmark with other
        cells.
    n_jobs : int, optional
        Number of cells to run in parallel. Default: 1, in this process; with Ray, the number of CPUs of the cluster.
    backend : {"process", "ray"}
    data_folder : str or Path, optional
        Folder of the data files. Default: the current directory.
    progress : callable
        Called with every record when it is written.

    Raises
    ------
    RunError
        If the folder cannot be created, if `backend` is "ray" and Ray is not installed, or if methods are tuned and
        Optuna is not installed or one of them has no setting to tune.
    """
    folder = Path(folder)
    for name in ("records", "predictions", "samples"):
        try:
            (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{folder}: cannot be created ({error.strerror})") from None
    _check_tunable(spec)
    write_json(folder / "spec.json", spec.dump())
    queue = Queue(missing_cells(spec, folder))
    # absolute paths, because the workers of a cluster have another working directory
    work = Work(folder.resolve(), Path(data_folder or ".").resolve(), spec.keep_samples)
    for record in _records(queue, work, n_jobs, backend):
        queue.learn(record)
        progress(record)


def _check_tunable(spec: Spec) -> None:
    """Raise RunError if methods are tuned without Optuna, or one has no setting to tune."""
    from redcore.methods import method_class  # imports torch, which reports do without

    tuned = [method for method in spec.method if method.tuned]
    if tuned and not is_installed("optuna"):
        raise RunError("package optuna is not installed: pip install 'redcore[tune]'")
    for method in tuned:
        reason = method_class(method.name).nothing_to_tune
        if reason:
            raise RunError(f"method {method.title()!r} has no setting to tune: {reason}")


def _records(queue: Queue, work: Work, n_jobs: int | None, backend: Backend) -> Iterator[Record]:
    if not len(queue):
        return
    if backend == "ray":
        yield from on_ray(queue, work, n_jobs)
    elif n_jobs is None or n_jobs == 1:
        yield from map(work, queue.drain())
    else:
        yield from in_processes(queue.drain(), work, work.failed, n_jobs, "redcore.benchmark._cell")
