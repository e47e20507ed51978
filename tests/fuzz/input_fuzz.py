"""Compare all forms of X that `as_data` accepts with a naive model of the same samples.

    PYTHONPATH=tests python tests/fuzz/input_fuzz.py --examples 20000

Some examples draw modalities as dictionaries of id to cells, with missing cells, missing samples, and ids in any
order. They are written as pandas (NumPy, nullable, Arrow-backed and object types), polars and Arrow frames, or as
masked, sparse and plain arrays and lists. The result must equal the naive model, or raise the error that the model
expects. "Mixed" examples draw columns of text, categories, booleans, dates, times and durations, write them as frames,
or as CSV and Parquet files of `MultimodalData.join`, and compare the decoded values with those that were drawn. "Odd"
examples draw columns of any type: text, dates, categories, lists, mixed objects, duplicated and missing labels. They
must be read, or raise a `RedCoreError`. Inputs must never be modified.
"""

import argparse
import contextlib
import copy
import datetime
import decimal
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redcore.data import MultimodalData
from redcore.estimators import as_data
from redcore.exceptions import DataError, RedCoreError

NUMBERS = {
    "float": st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    "int": st.integers(-1000, 1000),
    "bool": st.booleans(),
}
NULLABLE = {
    "float": ("Float64", "float64[pyarrow]"),
    "int": ("Int64", "int64[pyarrow]"),
    "bool": ("boolean", "bool[pyarrow]"),
}
LABELLED = ("pandas", "nullable", "pyarrow-backed", "object", "polars", "arrow")
UNLABELLED = ("masked", "sparse", "lists", "array")
Modality = tuple[str, dict]
"""Kind of the cells ("float", "int" or "bool"), and the cells of each sample by id, None if missing."""


@st.composite
def modalities(draw, same_ids: bool) -> dict[str, Modality]:
    """Draw modalities over subsets of common ids, or over the same ids in the same order."""
    label = draw(st.sampled_from([st.integers(0, 50), st.sampled_from([f"p{k}" for k in range(30)])]))
    ids = draw(st.lists(label, min_size=1, max_size=8, unique=True))
    result = {}
    for k in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(list(NUMBERS)))
        n_columns = draw(st.integers(1, 3))
        own = ids if same_ids else draw(st.permutations(ids))[: draw(st.integers(1, len(ids)))]
        cell = st.one_of(st.none(), NUMBERS[kind], NUMBERS[kind])
        result[f"m{k}"] = (kind, {i: draw(st.lists(cell, min_size=n_columns, max_size=n_columns)) for i in own})
    return result


def write(form: str, kind: str, rows: dict):
    """Return the cells of one modality in one form. Ids are the index, or the column ``id``."""
    cells = list(rows.values())
    columns = {f"c{k}": [row[k] for row in cells] for k in range(len(cells[0]))}
    if form in ("polars", "arrow"):
        return (pl.DataFrame if form == "polars" else pa.table)({"id": list(rows), **columns})
    floats = np.array([[np.nan if cell is None else float(cell) for cell in row] for row in cells])
    match form:
        case "pandas":
            return pd.DataFrame(floats, index=list(rows), columns=list(columns))
        case "nullable" | "pyarrow-backed":
            frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
            return frame.astype(NULLABLE[kind][form != "nullable"]).set_axis(list(rows), axis=0)
        case "object":
            return pd.DataFrame(columns, index=list(rows), dtype=object)
        case "masked":
            return np.ma.MaskedArray(np.nan_to_num(floats, nan=-999), np.isnan(floats))
        case "sparse":
            return scipy.sparse.csr_array(floats)
        case "lists":
            return [None if np.isnan(row).all() else row for row in floats.tolist()]
    return floats


def expected(source: dict[str, Modality]) -> tuple[list, dict[str, dict]] | None:
    """Return ids and observed rows by the naive model; None if a modality shares no id with any other one."""
    ids = [set(rows) for _, rows in source.values()]
    if len(ids) > 1 and any(not own & set().union(*ids[:k], *ids[k + 1 :]) for k, own in enumerate(ids)):
        return None
    union = list(dict.fromkeys(i for _, rows in source.values() for i in rows))
    observed = {
        name: {i: [np.nan if c is None else float(c) for c in row] for i, row in rows.items() if set(row) != {None}}
        for name, (_, rows) in source.items()
    }
    return union, observed


def assert_equal(data: MultimodalData, union: list, observed: dict[str, dict]) -> None:
    for name, rows in observed.items():
        position = data.modalities[name].position
        assert [i for i, place in zip(union, position, strict=True) if place >= 0] == [i for i in union if i in rows]
        for i, place in zip(union, position, strict=True):
            if i in rows:
                np.testing.assert_array_equal(data.modalities[name].values[place], np.float32(rows[i]))


@given(modalities(same_ids=False), st.data())
def labelled_inputs(source, data):
    forms = {name: data.draw(st.sampled_from(LABELLED)) for name in source}
    if {"polars", "arrow"} & set(forms.values()):
        # frames of both kinds have the ids in the same place
        written = {name: write(forms[name], *source[name]) for name in source}
        X = {name: x.rename_axis("id") if isinstance(x, pd.DataFrame) else x for name, x in written.items()}
        options = {"id_column": "id"}
    else:
        X, options = {name: write(forms[name], *source[name]) for name in source}, {}
    before = copy.deepcopy(X)
    model = expected(source)
    if model is None:
        with pytest.raises(DataError, match="shares no label"):
            as_data(X, **options)
        return
    result = as_data(X, **options)
    if len(source) > 1 or not all(i == k for k, i in enumerate(model[0])):
        assert result.sample_ids.tolist() == model[0]
    assert_equal(result, *model)
    for name, x in X.items():
        assert x.equals(before[name])


@given(modalities(same_ids=True), st.data())
def unlabelled_inputs(source, data):
    X = {name: write(data.draw(st.sampled_from(UNLABELLED)), *modality) for name, modality in source.items()}
    model = expected(source)
    assert model is not None
    assert_equal(as_data(X), *model)


WORDS = ("red", "blue", "Blue", "a,b", 'say "x"', "é", " pad ", "two words", "line\nbreak", ";", "-x", "", " ")
MOMENTS = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))
MIXED = {
    "text": (st.sampled_from(WORDS), pa.string()),
    "category": (
        st.sampled_from([word for word in WORDS if word == word.strip() != ""]),
        pa.dictionary(pa.int32(), pa.string()),
    ),
    "bool": (st.booleans(), pa.bool_()),
    "date": (st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)), pa.date32()),
    "time": (MOMENTS.map(lambda moment: moment.replace(microsecond=0)), pa.timestamp("us")),
    "duration": (st.timedeltas(-datetime.timedelta(1000), datetime.timedelta(1000)), pa.duration("us")),
    "number": (NUMBERS["float"], pa.float64()),
}
EPOCH = datetime.datetime(1970, 1, 1)


@st.composite
def mixed_modalities(draw) -> dict[str, tuple[list[str], dict]]:
    """Draw modalities with the kinds of their columns, and the cells of each sample by id."""
    ids = [f"p{k}" for k in range(draw(st.integers(1, 8)))]
    result = {}
    for k in range(draw(st.integers(1, 2))):
        kinds = draw(st.lists(st.sampled_from(list(MIXED)), min_size=1, max_size=4))
        own = draw(st.permutations(ids))[: draw(st.integers(1, len(ids)))]
        result[f"m{k}"] = (kinds, {i: [draw(st.none() | MIXED[kind][0]) for kind in kinds] for i in own})
    return result


def mixed_frame(form: str, kinds: list[str], rows: dict):
    """Return the cells of one modality as a frame with the column ``id``."""
    columns = {f"c{k}": pa.array([row[k] for row in rows.values()], MIXED[kind][1]) for k, kind in enumerate(kinds)}
    table = pa.table({"id": list(rows), **columns})
    match form:
        case "pandas":
            return table.to_pandas()
        case "object":
            return table.to_pandas().astype(object)
        case "pyarrow-backed":
            return table.to_pandas(types_mapper=pd.ArrowDtype)
        case "polars":
            return pl.from_arrow(table)
    return table


def mixed_file(folder: Path, name: str, form: str, kinds: list[str], rows: dict) -> Path:
    """Write the cells of one modality to a CSV or Parquet file."""
    frame, path = mixed_frame("polars", kinds, rows), folder / f"{name}.{form}"
    assert isinstance(frame, pl.DataFrame)
    frame.write_parquet(path) if form == "parquet" else frame.write_csv(path)
    return path


def plain_cell(kind: str, cell):
    """Return a cell as `MultimodalData` represents it: text, a number, or None if it is missing."""
    if cell is None or kind == "category":
        return cell
    if kind == "text":
        return cell.strip() or None
    if kind == "date":
        return float((datetime.datetime.combine(cell, datetime.time()) - EPOCH).days)
    if kind in ("time", "duration"):
        return (cell - EPOCH if kind == "time" else cell) / datetime.timedelta(1)
    return float(cell)


def decoded_rows(data: MultimodalData, name: str) -> dict[str, list]:
    """Return the observed cells of a modality by id, with the texts of categories."""
    modality, categories = data.modalities[name], data.categories.get(name, {})
    lists = [categories.get(feature) for feature in data.feature_names[name]]
    result = {}
    for i, place in zip(data.sample_ids.tolist(), modality.position, strict=True):
        if place >= 0:
            row = zip(modality.values[place].tolist(), lists, strict=True)
            result[i] = [None if cell != cell else cell if own is None else own[int(cell)] for cell, own in row]
    return result


def assert_same_cells(found: dict[str, list], drawn: dict[str, list]) -> None:
    assert set(found) == set(drawn)
    for i, row in drawn.items():
        expected_row = [pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for value in row]
        assert found[i] == expected_row


@given(mixed_modalities(), st.data())
def mixed_inputs(source, data):
    expect = {
        name: {i: [plain_cell(kind, cell) for kind, cell in zip(kinds, row, strict=True)] for i, row in rows.items()}
        for name, (kinds, rows) in source.items()
    }
    expect = {name: {i: row for i, row in rows.items() if set(row) != {None}} for name, rows in expect.items()}
    ids = [set(rows) for _, rows in source.values()]
    shared = len(ids) == 1 or bool(ids[0] & ids[1])
    from_files = data.draw(st.booleans())
    forms = ("csv", "parquet") if from_files else ("pandas", "object", "pyarrow-backed", "polars", "arrow")
    with tempfile.TemporaryDirectory() as folder:
        X = {}
        for name, (kinds, rows) in source.items():
            form = data.draw(st.sampled_from(forms))
            if from_files:  # CSV files have no durations
                X[name] = mixed_file(Path(folder), name, "parquet" if "duration" in kinds else form, kinds, rows)
            else:
                X[name] = mixed_frame(form, kinds, rows)
        convert = partial(MultimodalData.join, on="id") if from_files else partial(as_data, id_column="id")
        if not shared:
            with pytest.raises(DataError, match=r"shares no label|none of the .* ids is in another source"):
                convert(X)
            return
        result = convert(X)
    for name, rows in expect.items():
        assert_same_cells(decoded_rows(result, name), rows)


ODD_CELLS = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=3),
    st.just(pd.NA),
    st.just(pd.NaT),
    st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2030, 1, 1)),
    st.decimals(-1000, 1000),
    st.complex_numbers(max_magnitude=10),
    st.lists(st.floats(width=16), max_size=2),
    st.sampled_from([b"x", decimal.Decimal("1.5"), np.ma.masked, (), {}, np.float32(1), np.datetime64("2020-01-01")]),
)
ODD_TYPES = ("category", "string", "str", "datetime64[ns]", "timedelta64[ns]", "Sparse[float]", "complex128", "Int8")


@st.composite
def odd_frames(draw):
    n_rows = draw(st.integers(0, 4))
    name = st.one_of(st.sampled_from("ab"), st.integers(0, 2), st.just(("a", "b")))
    names = draw(st.lists(name, min_size=1, max_size=3))
    columns = []
    for _ in names:
        cells = draw(st.sampled_from([ODD_CELLS, st.integers(0, 3), st.sampled_from("xy"), st.floats()]))
        series = pd.Series(draw(st.lists(cells, min_size=n_rows, max_size=n_rows)), dtype=object)
        with contextlib.suppress(Exception):  # not every type holds every cell
            series = series.astype(draw(st.sampled_from((*ODD_TYPES, object, object))))
        columns.append(series)
    frame = pd.concat(columns, axis=1)
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    label = st.one_of(ODD_CELLS.filter(_hashable), st.integers(0, 5))
    labels = draw(st.one_of(st.none(), st.lists(label, min_size=n_rows, max_size=n_rows)))
    if labels is not None:
        frame.index = pd.Index(labels, dtype=object, tupleize_cols=False)
    return frame


def _hashable(value) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


@given(st.dictionaries(st.sampled_from("mn"), odd_frames(), min_size=1), st.booleans(), st.data())
def odd_inputs(X, as_table, data):
    before = {name: frame.copy(deep=True) for name, frame in X.items()}
    options = {"availability": data.draw(st.one_of(st.none(), odd_frames())), "groups": None}
    with contextlib.suppress(RedCoreError):
        as_data(next(iter(X.values())) if as_table else X, **options)
    for name, frame in X.items():
        pd.testing.assert_frame_equal(frame, before[name])


CHECKS = {"labelled": labelled_inputs, "unlabelled": unlabelled_inputs, "mixed": mixed_inputs, "odd": odd_inputs}


def run(check, n_examples: int) -> None:
    """Run one check on `n_examples` examples; raise on the first failure."""
    health = list(HealthCheck)
    options = settings(max_examples=n_examples, derandomize=True, deadline=None, suppress_health_check=health)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options(check)()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=20_000, help="number of examples over all checks")
    arguments = parser.parse_args()
    shares = {"labelled": 0.25, "unlabelled": 0.1, "mixed": 0.25, "odd": 0.4}
    for name, share in shares.items():
        n_examples = round(arguments.examples * share)
        run(CHECKS[name], n_examples)
        print(f"{name:<12}{n_examples:>8} examples, no failure", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
