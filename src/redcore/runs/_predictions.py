"""Tables of predictions."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from redcore._defaults import COVERAGE
from redcore._files import check_regular, write_atomic
from redcore._types import AnyArray
from redcore.data import MultimodalData, Target, risk_scores
from redcore.exceptions import RunError
from redcore.methods import Method
from redcore.metrics import pattern_name

if TYPE_CHECKING:
    from redcore.uncertainty import Calibration

__all__ = ["check_output", "prediction_table", "write_table"]


def check_output(path: Path) -> None:
    """Raise `RunError` if `path` is not a .csv or .parquet file in an existing folder."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise RunError(f"--out {path}: expected a file ending in .csv or .parquet")
    if path.is_dir():
        raise RunError(f"--out {path}: is a folder, expected a file")
    if not path.parent.is_dir():
        raise RunError(f"--out {path}: its folder does not exist")
    check_regular(path)


def prediction_table(
    method: Method,
    data: MultimodalData,
    outputs: AnyArray | None = None,
    calibration: "Calibration | None" = None,
) -> pa.Table:
    """Return a table of predictions with one row per sample, in the order of the data.

    Columns:

    - ``sample_id``
    - ``observed``: observed modalities that the method uses, such as ``audio+text``; empty if there is none, and the
      prediction is the prior
    - classification: ``prediction`` and ``probability_<class>``; multi-label: ``prediction_<label>`` and
      ``probability_<label>``; regression: ``prediction``, or ``prediction_<index>`` for several outputs; survival:
      ``risk``, ``median`` (the time at which half of such samples have had the event; empty if the predicted curve does
      not fall so far), with `calibration` also ``lower`` and ``upper`` (conformal interval of the time with a coverage
      of 90%; empty ``upper`` for an unbounded interval), and ``survival_<time>``
    - several targets: these columns of each, with the names ``<target>.prediction`` and so on
    - ``target``, if the data has a target with one value per sample; for survival ``time`` and ``event``
    """
    outputs = method.predict(data) if outputs is None else outputs
    if method.schema.target_kind.is_mixed:
        return _table_of_parts(method, data, outputs)
    columns: dict[str, AnyArray | list[str]] = {"sample_id": data.sample_ids, "observed": _patterns(data, method)}
    bounds = None
    if method.schema.target_kind.is_survival and calibration is not None:
        bounds = calibration.bounds(data, COVERAGE)[:, 0]
    columns |= _outputs(method, outputs, bounds)
    columns |= {} if data.target is None else _true_values(data.target)
    return pa.table({name: _arrow(column) for name, column in columns.items()})


def _table_of_parts(method: Method, data: MultimodalData, outputs: AnyArray) -> pa.Table:
    """Return `prediction_table` for several targets. True values are null where a sample has none."""
    columns = {"sample_id": _arrow(data.sample_ids), "observed": _arrow(_patterns(data, method))}
    for name, own in method.schema.by_part(outputs).items():
        view = method.of_part(name)
        columns |= {f"{name}.{key}": _arrow(column) for key, column in _outputs(view, own, None).items()}
        if data.target is None or name not in data.target.part_names:
            continue
        labelled, target = data.target.labelled(name), data.target.of_part(name)
        places = pa.array(np.cumsum(labelled) - 1, mask=~labelled)
        for key, column in _true_values(target).items():
            columns[f"{name}.{key}"] = _arrow(column).take(places)
    return pa.table(columns)


def _true_values(target: Target) -> dict[str, AnyArray]:
    """Return the columns ``target``, or ``time`` and ``event``; none for several values per sample."""
    if target.kind.is_survival:
        return {"time": target.values[:, 0], "event": target.values[:, 1] == 1}
    if target.values.ndim != 1:
        return {}
    return {"target": target.values if target.classes is None else target.classes[target.values]}


def _arrow(column: AnyArray | list[str]) -> pa.Array:
    """Return a column as an Arrow array. Unlike `pyarrow.array`, it does not import pandas."""
    values = np.asarray(column, dtype=np.str_) if isinstance(column, list) else column
    if values.dtype.kind == "U":
        texts = [text.encode() for text in values.tolist()]
        offsets = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))
    if values.dtype.kind == "b":
        bits = np.packbits(values.astype(bool), bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    if values.dtype.kind == "f" and np.isinf(values).any():
        return pa.array(values, mask=np.isinf(values))
    if values.dtype.kind in "fiu" and values.dtype.isnative:
        numbers = pa.py_buffer(np.ascontiguousarray(values))
        return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, numbers])
    return pa.array(column)


def _outputs(method: Method, outputs: AnyArray, bounds: AnyArray | None) -> dict[str, AnyArray | list[str]]:
    kind, classes, grid = method.schema.target_kind, method.schema.classes, method.schema.grid
    if grid is not None:
        curves = dict(zip(_curve_names(grid.borders), outputs.T, strict=True))
        interval = (
            {} if bounds is None else dict(zip(("lower", "upper"), grid.interval(outputs, bounds).T, strict=True))
        )
        return {"risk": risk_scores(outputs), "median": grid.quantile(outputs, 0.5)} | interval | curves
    if classes is None:
        if outputs.shape[1] == 1:
            return {"prediction": outputs[:, 0]}
        return {f"prediction_{index}": column for index, column in enumerate(outputs.T)}
    probabilities = {f"probability_{label}": column for label, column in zip(classes, outputs.T, strict=True)}
    if kind.is_multilabel:
        return {
            f"prediction_{label}": column >= 0.5 for label, column in zip(classes, outputs.T, strict=True)
        } | probabilities
    return {"prediction": classes[method.decide(outputs)]} | probabilities


def _curve_names(times: AnyArray) -> list[str]:
    """Return the names of the columns of a survival curve, with 10 digits if these distinguish the times."""
    short = [f"survival_{time:.10g}" for time in times]
    return short if len(set(short)) == len(short) else [f"survival_{time:.17g}" for time in times]


def _patterns(data: MultimodalData, method: Method) -> list[str]:
    names = [name for name in data.names if name in method.active]
    observed = data.select(names).availability if names else np.zeros((data.n_samples, 0), dtype=bool)
    # formats the few distinct patterns instead of all samples
    patterns, inverse = np.unique(observed, axis=0, return_inverse=True)
    texts = [
        pattern_name([name for name, is_observed in zip(names, row, strict=True) if is_observed]) for row in patterns
    ]
    return [texts[index] for index in np.ravel(inverse)]


def write_table(table: pa.Table, path: Path) -> None:
    """Write a CSV or Parquet file, depending on the suffix of `path`, atomically."""
    write = pa_csv.write_csv if path.suffix.lower() == ".csv" else pq.write_table
    write_atomic(path, lambda temporary: write(table, temporary))
