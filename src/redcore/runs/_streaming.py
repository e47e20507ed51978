"""Predictions of data of any size: piece by piece into a folder beside the result, to go on from after a kill."""

import json
import shutil
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from redcore._files import write_atomic, write_json
from redcore.data import MultimodalData, chunks
from redcore.methods import Method
from redcore.runs._predictions import prediction_table, write_table
from redcore.runs._sources import data_pieces

__all__ = ["stream_predictions"]


def stream_predictions(method: Method, source: str, out: Path, request: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Predict every sample of a data source into a table, in order.

    Parameters
    ----------
    method : Method
    source : str
        See `data_pieces`.
    out : Path
        A .csv or .parquet file; it appears, or changes, when all of it is there.
    request : mapping
        Names model and data by their checksums: only what the same request left is gone on from.

    Returns
    -------
    n_rows : int
    columns : list of str
    """
    folder = out.with_name(f".{out.name}.parts")
    done = _parts_of(folder, request)
    coming = data_pieces(source, len(done))
    first = next(coming, None)
    second = next(coming, None) if first is not None else None
    if first is not None and second is None and not done:
        # all of it at once
        table = _predicted(method, first)
        shutil.rmtree(folder, ignore_errors=True)
        write_table(table, out)
        return table.num_rows, table.column_names
    if not done:
        _start(folder, request)
    known = [piece for piece in (first, second) if piece is not None]
    for piece in chain(known, coming):
        done.append(folder / f"part-{len(done):06d}.parquet")
        table = _predicted(method, piece)
        write_atomic(done[-1], lambda path, table=table: pq.write_table(table, path))  # type: ignore[misc]
    write_atomic(out, lambda path: _join(done, path))
    with pq.ParquetFile(done[0]) as file:
        columns = file.schema_arrow.names
    n_rows = sum(pq.read_metadata(part).num_rows for part in done)
    shutil.rmtree(folder)
    return n_rows, columns


def _predicted(method: Method, data: MultimodalData) -> pa.Table:
    return pa.concat_tables([prediction_table(method, piece) for piece in chunks(data)])


def _parts_of(folder: Path, request: Mapping[str, Any]) -> list[Path]:
    """Return the parts that an earlier run of the same request finished, in order, without gap."""
    try:
        if json.loads((folder / "request.json").read_text(encoding="utf-8")) != dict(request):
            return []
    except (OSError, ValueError):
        return []
    return list(_consecutive(folder))


def _consecutive(folder: Path) -> Iterator[Path]:
    index = 0
    while (part := folder / f"part-{index:06d}.parquet").exists():
        yield part
        index += 1


def _start(folder: Path, request: Mapping[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_json(folder / "request.json", dict(request))


def _join(parts: list[Path], out: Path) -> None:
    """Write all parts into one file, one after the other."""
    with pq.ParquetFile(parts[0]) as file:
        schema = file.schema_arrow
    writer = pa_csv.CSVWriter if out.suffix.lower() == ".csv" else pq.ParquetWriter
    with writer(out, schema) as stream:
        for part in parts:
            stream.write_table(pq.read_table(part))
