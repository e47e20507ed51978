"""Categories, booleans and dates beside numbers in one modality."""

import json
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from factories import tiny
from redcore import MethodClassifier
from redcore.data import MultimodalData, Schema, Target, concatenate, mixed_columns
from redcore.data.formats import read
from redcore.data.store import Store, write_store
from redcore.exceptions import DataError, MissingCellsWarning, SchemaError, UnseenCategoryWarning
from redcore.export import export_onnx, load_model, model_card, onnx_inputs, save_model
from redcore.methods import make_method
from redcore.preprocessing import CellTransform

WARDS = ["surgery", "cardiology", "neurology"]


def frame(n_samples=60, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(60, 10, n_samples).round(),
            "ward": pd.Series(rng.choice(WARDS, n_samples)).mask(rng.random(n_samples) < 0.2),
            "smoker": pd.Series(rng.random(n_samples) < 0.5, dtype="boolean").mask(rng.random(n_samples) < 0.2),
            "admitted": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700, n_samples), unit="D"),
            "grade": pd.Categorical(rng.choice([1, 2, 3], n_samples), categories=[3, 2, 1]),
        }
    )


def mixed_data(n_samples=60, seed=0):
    codes = np.arange(n_samples) % 2
    ecg = np.random.default_rng(seed).normal(size=(n_samples, 2)) + codes[:, None]
    return MultimodalData.from_arrays({"patient": frame(n_samples, seed), "ecg": ecg}, Target.from_labels(codes))


def quietly(function, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingCellsWarning)
        return function(*arguments)


def fitted(data, name="late_fusion"):
    return quietly(make_method(name, settings=tiny(name)).fit, data)


def test_columns_become_numbers():
    columns = mixed_columns(
        "modality 'patient'",
        {
            "ward": ["b", None, " a ", ""],
            "flag": [True, None, False, True],
            "day": [date(1970, 1, 2), None, date(1969, 12, 31), date(1970, 1, 1)],
            "grade": pd.Categorical([2, 1, None, 2], categories=[2, 1]),
            "text numbers": ["1.5", None, "2", "3"],
        },
    )
    expected = [[1, 1, 1, 0, 1.5], [np.nan, np.nan, np.nan, 1, np.nan], [0, 0, -1, np.nan, 2], [np.nan, 1, 0, 0, 3]]
    np.testing.assert_array_equal(columns.values, expected)
    assert columns.categories == {"ward": ("a", "b"), "grade": ("2", "1")}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["1", "2", "oops"], "column 'x' is string, expected numbers; row 2 is 'oops'"),
        ([b"raw", b"bytes"], "column 'x' is binary"),
        ([[1], [2]], "column 'x' is list"),
        ([1j, 2j], "column 'x' contains values that are not numbers"),
        ([date(2020, 1, 1), 5], "column 'x' contains dates and numbers such as 5"),
        (pd.Categorical([pd.Timestamp(2020, 1, 1), -1]), "column 'x' contains dates and numbers such as -1"),
        (pd.Categorical(np.array([2**60], "datetime64[s]")), "column 'x' has categories of type timestamp"),
    ],
)
def test_columns_of_other_types_are_errors(values, message):
    with pytest.raises(DataError, match=message):
        mixed_columns("modality 'patient'", {"x": values})


def test_encoded_columns():
    data = MultimodalData.from_arrays({"p": pd.DataFrame({"a": ["x", "y", "x", None], "b": [1.0, 2.0, 3.0, 4.0]})})
    transform = CellTransform.fit(data.modalities["p"], {0: ("column 'a'", 2)})
    result = transform.convert(data.modalities["p"]).values
    # number, x, y, indicator of the missing category
    np.testing.assert_array_equal(result, [[1, 1, 0, 0], [2, 0, 1, 0], [3, 1, 0, 0], [4, 1, 0, 1]])


def test_rare_categories_share_a_column():
    names = np.repeat([f"c{index:03d}" for index in range(60)], 3)
    names = np.concatenate([names, np.repeat("c000", 20)])
    data = MultimodalData.from_arrays({"p": pd.DataFrame({"a": names})})
    transform = CellTransform.fit(data.modalities["p"], {0: ("column 'a'", 60)})
    assert transform.n_outputs == 41
    assert transform.convert(data.modalities["p"]).values[:, 40].sum() == 20 * 3


def test_column_of_identifiers_is_an_error():
    data = mixed_data().select(["ecg"])
    names = pd.DataFrame({"note": [f"text {index}" for index in range(60)]})
    data = MultimodalData.from_arrays({"notes": names, "ecg": data.modalities["ecg"].values}, data.target)
    with pytest.raises(DataError, match="modality 'notes', column 'note' has 60 different values in 60 samples"):
        fitted(data)


@pytest.mark.parametrize("name", ["late_fusion", "boosting", "zero_fill", "stacked"])
def test_fit_predict_save_load(name, tmp_path):
    data = mixed_data()
    method = fitted(data, name)
    outputs = method.predict(data)
    save_model(method, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(data), outputs)
    card = model_card(tmp_path / "model")
    assert "| patient | ward | 3 | cardiology, neurology, surgery |" in card


@pytest.mark.parametrize("name", ["late_fusion", "zero_fill", "stacked"])
def test_onnx_graph_reads_codes(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    data = mixed_data()
    method = fitted(data, name)
    export_onnx(method, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, onnx_inputs(data, data.names))[0], method.predict(data), atol=1e-5)
    described = json.loads(onnx.load(tmp_path / "model.onnx").metadata_props[0].value)
    assert described["modalities"][1]["categories"]["grade"] == ["3", "2", "1"]


def test_codes_follow_the_training_categories():
    data = mixed_data()
    method = fitted(data)
    table = frame()
    # other rows have other categories, and therefore other codes
    rows = np.flatnonzero(table.ward == "surgery")[:3]
    part = table.iloc[rows].reset_index(drop=True)
    part["grade"] = part["grade"].astype(str).astype("category")
    some = MultimodalData.from_arrays({"patient": part[part.columns[::-1]]})
    expected = method.predict(data.select(["patient"]).take(rows))
    np.testing.assert_allclose(method.predict(some), expected, atol=1e-7)
    part["grade"] = part["grade"].astype(int)
    np.testing.assert_allclose(method.predict(MultimodalData.from_arrays({"patient": part})), expected, atol=1e-7)


def test_unseen_categories_are_unknown():
    method = fitted(mixed_data())
    part = frame().head(4)
    part["ward"] = ["surgery", "oncology", "oncology", "radiology"]
    new = MultimodalData.from_arrays({"patient": part})
    match = "modality 'patient', feature 'ward': 3 cells have categories .*'oncology', 'radiology'"
    with pytest.warns(UnseenCategoryWarning, match=match):
        outputs = method.predict(new)
    assert np.isfinite(outputs).all()
    with pytest.warns(UnseenCategoryWarning):
        codes = method.schema.conform(new)
    np.testing.assert_array_equal(codes.modalities["patient"].values[:, 1], [2, 3, 3, 3])
    np.testing.assert_array_equal(method.predict(codes), outputs)


def test_text_in_place_of_numbers_is_an_error():
    method = fitted(mixed_data())
    part = frame().head(2)
    part["age"] = ["old", "young"]
    with pytest.raises(SchemaError, match="modality 'patient', feature 'age' holds text"):
        method.predict(MultimodalData.from_arrays({"patient": part}))


def test_categories_travel(tmp_path):
    data = mixed_data()
    assert data.take(np.arange(3)).categories == data.categories
    assert data.select(["ecg"]).categories == {}
    write_store(data, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert store.read().categories == data.categories == store.data().categories
    method = fitted(data)
    np.testing.assert_allclose(method.predict(store.data()), method.predict(data), atol=1e-7)
    assert Schema.of(data).modalities[1].categories == data.categories["patient"]


def test_concatenation_unites_categories():
    one, two = (MultimodalData.from_arrays({"p": pd.DataFrame({"a": names})}) for names in (["b", "c"], ["a", "c"]))
    two = MultimodalData(two.modalities, None, None, two.sample_ids + 2, None, two.feature_names, two.categories)
    both = concatenate([one, two])
    assert both.categories["p"]["a"] == ("b", "c", "a")
    np.testing.assert_array_equal(both.modalities["p"].values[:, 0], [0, 1, 2, 1])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables(suffix, tmp_path):
    table = frame().assign(y=np.arange(60) % 2)
    path = tmp_path / f"patients{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else pq.write_table(pa.Table.from_pandas(table), path)
    data = read(path, options={"modalities": {"patient": "age,ward,smoker,admitted"}, "target": "y"})
    assert data.categories == {"patient": {"ward": ("cardiology", "neurology", "surgery")}}
    expected = mixed_data().modalities["patient"].values[:, :4]
    np.testing.assert_array_equal(data.modalities["patient"].values, expected)


def test_npz_with_categories(tmp_path):
    categories = np.array(json.dumps({"ward": ["a", "b"]}))
    np.savez(tmp_path / "p.npz", x_p=[[0.0, 1.0], [1.0, np.nan]], names_p=["ward", "age"], categories_p=categories)
    data = read(tmp_path / "p.npz")
    assert data.categories == {"p": {"ward": ("a", "b")}}
    np.testing.assert_array_equal(data.modalities["p"].values, [[0, 1], [1, np.nan]])
    np.savez(tmp_path / "p.npz", x_p=[[5.0]], names_p=["ward"], categories_p=categories)
    with pytest.raises(DataError, match=r"feature 'ward': 5\.0 is no code"):
        read(tmp_path / "p.npz")


def test_estimators_read_mixed_columns():
    table = frame().assign(ecg=np.arange(60.0))
    columns = {"patient": ["age", "ward", "smoker", "admitted", "grade"], "ecg": ["ecg"]}
    model = MethodClassifier("late_fusion", modalities=columns, random_state=0)
    labels = np.where(table.ward.fillna("surgery") == "surgery", "yes", "no")
    quietly(model.fit, table, labels)
    assert (model.predict(table) == labels).mean() > 0.8
    assert model.predict(table.iloc[[3]]).tolist() == model.predict(table)[[3]].tolist()


cells = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "ü"]))


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(
        st.tuples(
            cells,
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
            st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
        ),
        min_size=8,
        max_size=30,
    ),
    st.lists(cells, min_size=4, max_size=4),
)
def test_random_tables(rows, new):
    # a column without any value has no type, so that text in new data is an error
    assume(any(name is not None for name, *_ in rows))
    table = pd.DataFrame(rows, columns=["name", "flag", "number", "day"], dtype=object)
    labels = np.arange(len(table)) % 2
    full = np.random.default_rng(0).normal(size=(len(table), 1))
    data = MultimodalData.from_arrays({"p": table, "q": full}, Target.from_labels(labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = make_method("late_fusion").fit(data)
        outputs = method.predict(data)
        other = table.head(4).assign(name=new)
        predicted = method.predict(MultimodalData.from_arrays({"p": other, "q": full[:4]}))
    assert np.isfinite(outputs).all()
    assert np.isfinite(predicted).all()
    restored = type(method).restore(method.settings, method.schema, method.info(), method.arrays())
    np.testing.assert_array_equal(restored.predict(data), outputs)
