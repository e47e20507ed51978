"""Predictions for data of any size, block by block, that resume after an interruption."""

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from redcore._files import locked, write_atomic, write_json, writing
from redcore.data import MultimodalData, chunks
from redcore.data.formats import Expected
from redcore.exceptions import DriftWarning
from redcore.export import load_calibration, load_model, load_reference, read_model_content
from redcore.methods import Method
from redcore.monitoring import Monitor
from redcore.runs._predictions import check_output, prediction_table, write_table
from redcore.runs._result import read_run
from redcore.runs._sources import checksum_of, data_pieces

if TYPE_CHECKING:
    from redcore.uncertainty import Calibration

__all__ = ["predict_stream"]


def predict_stream(
    model: Path,
    source: str,
    out: Path,
    threshold: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[int, list[str]]:
    """Write the predictions of a saved model for all samples of a data source to a file.

    Data is read and predicted in blocks, and finished blocks are kept in a folder next to `out` until all are finished.
    A call with the same model and data resumes after the last finished block.

    Parameters
    ----------
    model : Path
        Run folder, or model file or folder.
    source : str
        Data set, file or store; see `data_pieces`.
    out : Path
        File to write, .csv or .parquet, with the columns of `prediction_table`. An existing file is replaced when all
        predictions are finished.
    threshold : float, optional
        Probability from which the rare class of a binary target is predicted. Default: the threshold or the decision
        rule of the model.
    options : mapping, optional
        Options of the reader that replace those of the training data.

    Returns
    -------
    n_rows : int
    columns : list of str

    Warns
    -----
    DriftWarning
        If the samples that this call predicts differ from the training data; one warning per line of
        `redcore.monitoring.Comparison.messages`.

    Raises
    ------
    RunError
        If `out` is no such file, its folder does not exist, or `model` is a folder without a finished run.
    ModelFileError
        If the model cannot be loaded.
    """
    check_output(out)
    if not model.is_file():
        read_run(model)
    method, content = load_model(model), read_model_content(model)
    if threshold is not None:
        method.set_threshold(threshold)
    reader = content["record"].get("reader") or {}
    trained = reader.get("options", {})
    expected = Expected(method.schema, data_format=reader.get("format"), options=trained, overrides=options or {})
    checksum = checksum_of(Path(source)) if Path(source).exists() else source
    request = {"model": content["sha256"], "data": checksum, "threshold": method.threshold}
    request |= {"options": dict(options)} if options else {}
    reference = load_reference(model)
    calibration = load_calibration(model) if method.schema.target_kind.is_survival else None
    predictor = _Predictor(method, None if reference is None else Monitor(method, reference), calibration)
    with locked(out):
        result = _predict_blocks(predictor, source, expected, out, request)
    for message in [] if predictor.monitor is None else predictor.monitor.compare().messages():
        warnings.warn(DriftWarning(message), stacklevel=2)
    return result


@dataclass(frozen=True)
class _Predictor:
    """Method with a monitor of the samples that it predicts, and the calibration of its intervals of times."""

    method: Method
    monitor: Monitor | None
    calibration: "Calibration | None"

    def table(self, data: MultimodalData) -> pa.Table:
        """Predict the samples of a block; see `prediction_table`."""
        tables = []
        for chunk in chunks(self.method.schema.conform(data)):
            outputs = self.method.predict(chunk)
            if self.monitor is not None:
                self.monitor.add(chunk, outputs)
            tables.append(prediction_table(self.method, chunk, outputs, self.calibration))
        return pa.concat_tables(tables)


def _predict_blocks(
    predictor: _Predictor, source: str, expected: Expected, out: Path, request: Mapping[str, Any]
) -> tuple[int, list[str]]:
    """Predict block by block, and resume from the blocks of the same request; see `predict_stream`."""
    folder = out.with_name(f".{out.name}.parts")
    finished = _finished_blocks(folder, request)
    remaining = data_pieces(source, expected, len(finished))
    first = next(remaining, None)
    second = next(remaining, None) if first is not None else None
    if first is not None and second is None and not finished:
        # a single block needs no folder
        table = predictor.table(first)
        shutil.rmtree(folder, ignore_errors=True)
        write_table(table, out)
        return table.num_rows, table.column_names
    if not finished:
        _start(folder, request)
    for block in chain((block for block in (first, second) if block is not None), remaining):
        finished.append(folder / f"part-{len(finished):06d}.parquet")
        table = predictor.table(block)
        write_atomic(finished[-1], lambda path, table=table: pq.write_table(table, path))  # type: ignore[misc]
    write_atomic(out, lambda path: _concatenate(finished, path))
    with pq.ParquetFile(finished[0]) as file:
        columns = file.schema_arrow.names
    n_rows = sum(pq.read_metadata(block).num_rows for block in finished)
    shutil.rmtree(folder)
    return n_rows, columns


def _finished_blocks(folder: Path, request: Mapping[str, Any]) -> list[Path]:
    """Return the consecutive blocks that an interrupted call with the same request finished, from the first."""
    try:
        if json.loads((folder / "request.json").read_text(encoding="utf-8")) != dict(request):
            return []
    except (OSError, ValueError):
        return []
    return list(_consecutive(folder))


def _consecutive(folder: Path) -> Iterator[Path]:
    index = 0
    while (block := folder / f"part-{index:06d}.parquet").exists():
        yield block
        index += 1


def _start(folder: Path, request: Mapping[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with writing(folder):
        folder.mkdir()
    write_json(folder / "request.json", dict(request))


def _concatenate(blocks: list[Path], out: Path) -> None:
    """Write all blocks to one file, in order."""
    with pq.ParquetFile(blocks[0]) as file:
        schema = file.schema_arrow
    writer = pa_csv.CSVWriter if out.suffix.lower() == ".csv" else pq.ParquetWriter
    with writer(out, schema) as stream:
        for block in blocks:
            stream.write_table(pq.read_table(block))
