"""Task of a worker: run one cell and write its record."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from redcore._files import write_atomic, write_json
from redcore._types import AnyArray
from redcore.benchmark._cell_config import Cell
from redcore.benchmark._record import Record, read_record
from redcore.benchmark._samples import samples_name, write_samples

__all__ = ["Work"]


@dataclass(frozen=True)
class Work:
    """Callable that runs a cell and writes its record. It can be pickled and sent to another process or machine.

    Attributes
    ----------
    folder : Path
        Output folder of the benchmark; on shared storage if cells run on several machines.
    data_folder : Path or None
        Folder of the data files.
    keep_samples : bool
        If True, the predictions per test sample and missing pattern are written.
    """

    folder: Path
    data_folder: Path | None = None
    keep_samples: bool = True

    def __call__(self, cell: Cell) -> Record:
        """Run a cell, write its record and return it. If the cell fails, the record contains the error.

        If the cell has a finished record, the record is returned. This happens if a previous worker died after it had
        written the record.
        """
        from redcore.benchmark._cell import run_cell

        if self.is_done(cell):
            return read_record(self.path(cell))
        try:
            with _threads(cell.n_threads):
                record, outputs, samples = run_cell(cell, self.folder, self.data_folder)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            return self.failed(
                cell, f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"
            )
        self._write_outputs(record, outputs)
        if self.keep_samples and samples.predictions:
            write_samples(self.folder / samples_name(record.key), samples)
            record = record.model_copy(update={"samples": samples_name(record.key)})
        return self._write(record)

    def path(self, cell: Cell) -> Path:
        """Return the path of the cell's record."""
        return self.folder / "records" / f"{cell.key()}.json"

    def is_done(self, cell: Cell) -> bool:
        """Return True if the cell has a finished record."""
        path = self.path(cell)
        return path.exists() and read_record(path).status == "done"

    def failed(self, cell: Cell, error: str) -> Record:
        """Write and return the record of a failed cell."""
        return self._write(Record(key=cell.key(), cell=cell, status="failed", error=error))

    def _write_outputs(self, record: Record, outputs: AnyArray) -> None:
        rounded = outputs.astype(np.float32)
        write_atomic(self.folder / record.predictions, lambda path: np.save(path, rounded))

    def _write(self, record: Record) -> Record:
        # written after the predictions because the record marks the cell as done
        write_json(self.path(record.cell), record.dump())
        return record


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    """Limit torch and linear-algebra libraries to `n_threads` threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)
