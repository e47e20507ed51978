"""Values of pandas, polars, Arrow, masked and sparse inputs; what is missing in them is missing in the data."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from redcore.data import MultimodalData, Target, _frames
from redcore.exceptions import DataError, DataWarning, TargetError

CELLS = {"x": [1.0, None, 3.0], "y": [4.0, None, None]}
EXPECTED = np.array([[1, 4], [3, np.nan]], dtype=np.float32)
FLOATS = pd.DataFrame(CELLS)


def observed(values):
    data = MultimodalData.from_arrays({"m": values})
    assert data.availability.tolist() == [[True], [False], [True]]
    return data.modalities["m"].values


@pytest.mark.parametrize(
    "values",
    [
        FLOATS,
        FLOATS.astype("Float64"),
        FLOATS.astype("Int64"),
        FLOATS.astype("float64[pyarrow]"),
        FLOATS.astype("int64[pyarrow]"),
        FLOATS.astype("Sparse[float]"),
        FLOATS.astype(object),
        FLOATS.astype(object).where(FLOATS.notna(), pd.NA),
        FLOATS.astype(object).where(FLOATS.notna(), None),
        FLOATS.astype({"x": "Int64", "y": "float32"}),
        FLOATS.map(lambda cell: None if pd.isna(cell) else decimal.Decimal(cell)),
        pl.DataFrame(CELLS),
        pl.DataFrame(CELLS).cast(pl.Int16),
        pa.table(CELLS),
        pa.RecordBatch.from_pydict(CELLS),
        pl.DataFrame(CELLS).to_arrow(),
        np.ma.MaskedArray([[1, 4], [-99, -99], [3, -99]], [[False, False], [True, True], [False, True]]),
        np.ma.MaskedArray([[1.0, 4], [7, 7], [3, 7]], [[False, False], [True, True], [False, True]]),
        scipy.sparse.csr_array(FLOATS.to_numpy()),
        scipy.sparse.coo_matrix(FLOATS.to_numpy()),
        [[1, 4], pd.NA, [3, pd.NA]],
        [[1, 4], None, np.ma.MaskedArray([3, 5], [False, True])],
        FLOATS.to_numpy(),
    ],
    ids=lambda values: type(values).__name__,
)
def test_missing_cells_of_every_type(values):
    np.testing.assert_array_equal(observed(values), EXPECTED)


@pytest.mark.parametrize("kind", ["boolean", "bool[pyarrow]", object])
def test_booleans(kind):
    frame = pd.DataFrame({"x": [True, None, False]}, dtype=object).astype(kind)
    assert observed(frame).tolist() == [[1], [0]]
    assert observed(frame["x"]).tolist() == [[1], [0]]
    assert observed(pl.DataFrame({"x": [True, None, False]})).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.array([1, None, 3], dtype="Int64"),
        pd.Series([1, pd.NA, 3], dtype=object),
        pl.Series([1, None, 3]),
        pa.array([1, None, 3]),
        pa.chunked_array([[1, None], [3]]),
        np.ma.MaskedArray([1, 2, 3], [False, True, False]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_a_column_is_a_modality_of_one_feature(column):
    assert observed(column).tolist() == [[1], [3]]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([[1.0, 4.0], None, [3.0, 5.0]]),
        pl.Series([[1.0, 4.0], None, [3.0, 5.0]]),
        pl.Series([[1.0, 4.0], None, [3.0, 5.0]], dtype=pl.Array(pl.Float32, 2)),
        pa.array([[1.0, 4.0], None, [3.0, 5.0]]),
    ],
    ids=lambda values: str(type(values)),
)
def test_a_column_of_lists_has_one_vector_per_sample(column):
    assert observed(column).tolist() == [[1, 4], [3, 5]]


def test_a_masked_time_step_at_the_end_is_padding():
    values = np.ma.MaskedArray(np.ones((3, 4, 2)), np.zeros((3, 4, 2), dtype=bool))
    values[0, 3], values[1] = np.ma.masked, np.ma.masked
    modality = MultimodalData.from_arrays({"m": values}).modalities["m"]
    assert modality.lengths.tolist() == [3, 4]
    assert modality.position.tolist() == [0, -1, 1]


def test_values_under_a_mask_are_not_read():
    values = np.ma.MaskedArray([[1.0, 4], [np.inf, np.inf], [3, 1e300]], [[False, False], [True, True], [False, True]])
    np.testing.assert_array_equal(observed(values), EXPECTED)


@pytest.mark.parametrize("values", [["a", "b"], np.array([1, 2])])
def test_masked_labels_and_groups_are_missing(values):
    masked = np.ma.MaskedArray(values, [False, True])
    with pytest.raises(TargetError, match="labels missing: row 1"):
        Target.from_labels(masked)
    with pytest.raises(DataError, match="groups: row 1 has none"):
        MultimodalData.from_arrays({"m": np.ones((2, 1))}, groups=masked)
    with pytest.raises(DataError, match="other than True and False"):
        MultimodalData.from_arrays({"m": np.ones((2, 1))}, availability={"m": np.ma.MaskedArray([1, 1], [0, 1])})


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"number": [1.0, 2.0], "level": ["high", "low"]}),
        pd.DataFrame({"number": [1.0, 2.0], "level": pd.array(["high", "low"], dtype="string")}),
        pl.DataFrame({"number": [1.0, 2.0], "level": ["high", "low"]}),
        pa.table({"number": [1.0, 2.0], "level": ["high", "low"]}),
    ],
    ids=["object", "string", "polars", "arrow"],
)
def test_columns_of_text_are_categories(frame):
    data = MultimodalData.from_arrays({"m": frame})
    assert data.feature_names["m"] == ("number", "level")
    assert dict(data.categories["m"]) == {"level": ("high", "low")}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([pd.Timestamp("2000-01-01"), np.ma.masked, pd.NaT], [10957, np.nan, np.nan]),
        (["x", np.ma.masked, "y"], [0, np.nan, 1]),
        (["1_000", " ", "2"], [1000, np.nan, 2]),
    ],
)
def test_missing_objects_in_a_column_of_any_type(cells, expected):
    frame = pd.DataFrame({"c": pd.Series(cells, dtype=object), "ward": ["u", "v", "u"]})
    column = MultimodalData.from_arrays({"a": frame}).modalities["a"].values[:, 0]
    np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize("cells", [["0%", "12%"], ["1,250", "3,000"], ["0,5", "1,5"], ["12 €", "1.5 €"]])
def test_text_of_amounts_is_no_category(cells):
    frame = pd.DataFrame({"c": cells})
    with pytest.raises(DataError, match=f"column 'c' is string, expected numbers; row 0 is '{cells[0]}'"):
        MultimodalData.from_arrays({"a": frame})
    assert MultimodalData.from_arrays({"a": frame.astype("category")}).categories == {"a": {"c": tuple(sorted(cells))}}


def test_text_of_dates_is_read_as_dates():
    frame = pd.DataFrame({"c": ["01.01.1970", None, "3.2.1970", "31.12.1969"]})
    data = MultimodalData.from_arrays({"a": frame, "b": frame.notna().astype(float)})
    assert data.modalities["a"].values.ravel().tolist() == [0.0, 33.0, -1.0]
    assert data.categories == {}


@pytest.mark.parametrize("cells", [["12/31/2020", "1/2/2021"], ["31.12.2020", "k.A.", "1.1.2021"], ["31.02.2020"]])
def test_text_of_other_dates_is_no_category(cells):
    with pytest.raises(DataError, match="column 'c' is string, expected numbers; row"):
        MultimodalData.from_arrays({"a": pd.DataFrame({"c": cells})})


def test_ranges_are_categories():
    frame = pd.DataFrame({"c": ["<5", "5-10", ">10"]})
    assert MultimodalData.from_arrays({"a": frame}).categories["a"]["c"] == ("5-10", "<5", ">10")


def test_columns_of_lists_in_a_frame_are_an_error():
    with pytest.raises(DataError, match="column 'x'"):
        MultimodalData.from_arrays({"m": pl.DataFrame({"x": [[1.0], [2.0]]})})


def test_a_lazy_frame_is_an_error_with_a_hint():
    with pytest.raises(DataError, match=r"modality 'm' is a LazyFrame, .*call its method collect\(\) first"):
        MultimodalData.from_arrays({"m": pl.DataFrame(CELLS).lazy()})


def test_frames_of_other_libraries_have_feature_names():
    for frame in (pl.DataFrame(CELLS), pa.table(CELLS)):
        assert MultimodalData.from_arrays({"m": frame}).feature_names == {"m": ("x", "y")}


def test_a_sparse_modality_that_does_not_fit_is_an_error(monkeypatch):
    huge = scipy.sparse.csr_array((10**7, 10**6), dtype=np.float32)
    with pytest.raises(DataError, match=r"modality 'text' is sparse with shape \(10000000, 1000000\) and needs .* GiB"):
        MultimodalData.from_arrays({"text": huge})
    monkeypatch.setattr(_frames, "available_memory", lambda: 1000)
    small = scipy.sparse.csr_array((10, 20))
    with pytest.raises(DataError, match="TruncatedSVD"):
        MultimodalData.from_arrays({"text": small})
    monkeypatch.setattr(_frames, "available_memory", lambda: None)
    assert MultimodalData.from_arrays({"text": small}).n_samples == 10


def test_a_sparse_modality_has_the_type_of_a_dense_one():
    dense = np.zeros((40, 5000))
    dense[:, 4500] = 1.7e9 + np.arange(40)
    for values, dtype in ((dense, np.float64), (dense * 0.5 - dense * 0.5, np.float32), (dense[:, :4000], np.float32)):
        modality = MultimodalData.from_arrays({"m": scipy.sparse.csr_array(values)}).modalities["m"]
        assert modality.values.dtype == dtype
        np.testing.assert_array_equal(modality.values, values)


def test_inputs_are_not_modified():
    masked = np.ma.MaskedArray([[1.0, 2.0]], [[True, False]])
    nullable = FLOATS.astype("Int64")
    MultimodalData.from_arrays({"m": masked})
    MultimodalData.from_arrays({"m": nullable})
    assert masked.data.tolist() == [[1.0, 2.0]]
    assert masked.mask.tolist() == [[True, False]]
    pd.testing.assert_frame_equal(nullable, FLOATS.astype("Int64"))


@pytest.mark.parametrize(
    "entries",
    [
        [pd.DataFrame({"a": [1, 2], "b": [3, 4]}), None, pd.DataFrame({"b": [5], "a": [6]})],
        [pl.DataFrame({"a": [1, 2], "b": [3, 4]}), None, pa.table({"b": [5], "a": [6]})],
        pd.Series([pd.DataFrame({"a": [1, 2], "b": [3, 4]}), None, pd.DataFrame({"b": [5], "a": [6]})]),
    ],
    ids=["pandas", "polars and Arrow", "Series"],
)
def test_frames_of_single_samples_are_matched_by_column_name(entries):
    data = MultimodalData.from_arrays({"m": entries})
    assert data.modalities["m"].values.tolist() == [[1, 3], [2, 4], [6, 5]]
    assert data.feature_names["m"] == ("a", "b")


def test_rows_with_names_are_matched_by_name():
    data = MultimodalData.from_arrays({"m": [pd.Series({"a": 1, "b": 2}), [3, 4], pd.Series({"b": 6, "a": 5})]})
    assert data.modalities["m"].values.tolist() == [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(DataError, match=r"modality 'm', row 1 has the columns .*'c', expected those of row 0: .*'b'"):
        MultimodalData.from_arrays({"m": [pd.Series({"a": 1, "b": 2}), pd.Series({"a": 5, "c": 6})]})


LARGE = [2**53 + 1, 1]


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (np.array([LARGE, LARGE]).T, "feature 0"),
        (pd.DataFrame({"n": [0, 1], "code": LARGE}), "column 'code'"),
        (pd.DataFrame({"n": [0.5, 1.5], "code": LARGE}), "column 'code'"),
        (pd.DataFrame({"n": ["x", "y"], "code": LARGE}), "column 'code'"),
        (pl.DataFrame({"n": [0.5, 1.5], "code": LARGE}), "column 'code'"),
        (pa.table({"n": [0.5, 1.5], "code": pa.array([2**63, 1], pa.uint64())}), "column 'code'"),
    ],
    ids=["array", "integers", "with fractions", "with text", "polars", "uint64"],
)
def test_whole_numbers_that_are_rounded_are_named(values, place):
    with pytest.warns(DataWarning, match=rf"modality 'm', {place}: whole numbers above 2\*\*53 are rounded"):
        MultimodalData.from_arrays({"m": values})


def test_intervals_and_periods_are_categories_by_their_text():
    frame = pd.DataFrame({"a": pd.cut([1, 5, 9], [0, 4, 10]), "b": pd.period_range("2020", periods=3, freq="Y")})
    data = MultimodalData.from_arrays({"m": frame.astype("category")})
    assert data.categories["m"] == {"a": ("(0, 4]", "(4, 10]"), "b": ("2020", "2021", "2022")}


def test_a_tensor_without_a_shape_is_named():
    class Nested:
        @property
        def shape(self):
            raise RuntimeError("no sizes")

    with pytest.raises(DataError, match="modality 'm' is a Nested without a shape"):
        MultimodalData.from_arrays({"m": Nested()})
