"""What a worker does: run one cell and write its record."""

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

__all__ = ["Work"]


@dataclass(frozen=True)
class Work:
    """Where records go and data comes from; called with a cell, here or in another process.

    Attributes
    ----------
    folder : Path
        Of the benchmark; it may be on storage that several machines share.
    data_folder : Path or None
    """

    folder: Path
    data_folder: Path | None = None

    def __call__(self, cell: Cell) -> Record:
        """Run a cell and write its record; a cell that fails leaves a record that says why.

        A cell that is done already is not done again: whoever started it may have died before it heard so.
        """
        from redcore.benchmark._cell import run_cell

        if self.is_done(cell):
            return read_record(self.path(cell))
        try:
            with _threads(cell.n_threads):
                record, outputs = run_cell(cell, self.data_folder)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            return self.failed(
                cell, f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
            )
        self._write_outputs(record, outputs)
        return self._write(record)

    def path(self, cell: Cell) -> Path:
        """Return the file of the cell's record."""
        return self.folder / "records" / f"{cell.key()}.json"

    def is_done(self, cell: Cell) -> bool:
        """Return whether the cell has a finished record."""
        path = self.path(cell)
        return path.exists() and read_record(path).status == "done"

    def failed(self, cell: Cell, error: str) -> Record:
        """Write the record of a cell that failed."""
        return self._write(Record(key=cell.key(), cell=cell, status="failed", error=error))

    def _write_outputs(self, record: Record, outputs: AnyArray) -> None:
        final = outputs.astype(np.float32)
        write_atomic(self.folder / record.predictions, lambda path: np.save(path, final))

    def _write(self, record: Record) -> Record:
        # after the predictions: it marks the cell as done
        write_json(self.path(record.cell), record.dump())
        return record


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
