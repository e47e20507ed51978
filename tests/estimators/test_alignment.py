"""Estimators match X, y and the other inputs by label, and columns by name."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from sklearn.model_selection import GridSearchCV, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline

from redcore import MethodClassifier, MethodRegressor, MultimodalData, Target
from redcore.estimators import as_data
from redcore.exceptions import DataError, DataWarning, SchemaError, TargetError, UnknownNameError

N = 80
RNG = np.random.default_rng(0)
IDS = [f"s{k:02d}" for k in range(N)]
Y = pd.Series(np.arange(N) % 2, index=IDS)
RNA = pd.DataFrame(RNG.normal(size=(N, 3)) + 2 * Y.to_numpy()[:, None], index=IDS, columns=["g1", "g2", "g3"])
BLOOD = pd.DataFrame(RNG.normal(size=(N, 2)) - Y.to_numpy()[:, None], index=IDS, columns=["b1", "b2"])
X = {"rna": RNA, "blood": BLOOD}
SHUFFLED = RNG.permutation(N)


def fusion(**options):
    return MethodClassifier("late_fusion", random_state=0, **options)


@pytest.fixture(scope="module")
def expected():
    return fusion().fit(X, Y).predict_proba(X)


def test_rows_in_another_order_are_the_same_data(expected):
    shuffled = {"rna": RNA, "blood": BLOOD.iloc[SHUFFLED]}
    np.testing.assert_array_equal(fusion().fit(shuffled, Y).predict_proba(shuffled), expected)


@pytest.mark.parametrize("form", ["series", "frame", "categorical", "nullable"])
def test_y_in_another_order_is_aligned(expected, form):
    y = Y.iloc[SHUFFLED]
    if form == "frame":
        y = y.to_frame("outcome")
    elif form == "categorical":
        y = y.astype("category")
    elif form == "nullable":
        y = y.astype("Int64")
    model = fusion().fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.score(X, y) == np.mean(model.predict(X) == Y)


def test_predictions_have_the_order_of_the_samples_of_x(expected):
    model = fusion().fit(X, Y)
    some = {"rna": RNA.iloc[[5, 3]], "blood": BLOOD.iloc[[7, 3]]}
    data = as_data(some)
    assert data.sample_ids.tolist() == ["s05", "s03", "s07"]
    one_by_one = [
        model.predict_proba({"rna": RNA.iloc[[5]]}),
        model.predict_proba({"rna": RNA.iloc[[3]], "blood": BLOOD.iloc[[3]]}),
        model.predict_proba({"blood": BLOOD.iloc[[7]]}),
    ]
    np.testing.assert_allclose(model.predict_proba(some), np.concatenate(one_by_one), rtol=1e-5)


def test_y_must_have_the_samples_of_x():
    with pytest.raises(DataError, match=r"y do not match those of X: 10 of 80 samples have no row in y \('s70', 's71'"):
        fusion().fit(X, Y.iloc[:70])
    with pytest.raises(DataError, match=r"10 of 80 rows of y belong to no sample \('s70'"):
        fusion().fit({name: frame.iloc[:70] for name, frame in X.items()}, Y)
    with pytest.raises(DataError, match=r"y has the default index 0, 1, 2, \.\.\.: to match rows by position"):
        fusion().fit(X, Y.reset_index(drop=True))
    with pytest.raises(DataError, match="80 of them differ only in form, such as 's00' and 'S0'"):
        fusion().fit(X, Y.set_axis([f"S{k}" for k in range(N)], axis=0))
    with pytest.raises(DataError, match="y: label 's00' occurs in rows 0 and 1"):
        fusion().fit(X, Y.set_axis(["s00", *IDS[:-1]], axis=0))


def test_an_array_y_needs_frames_that_agree(expected):
    np.testing.assert_array_equal(fusion().fit(X, Y.to_numpy()).predict_proba(X), expected)
    with pytest.raises(DataError, match="y has no labels, but the modalities do not have the same labels"):
        fusion().fit({"rna": RNA, "blood": BLOOD.iloc[SHUFFLED]}, Y.to_numpy())


def test_weights_groups_and_validation_are_aligned(expected):
    weights = pd.Series(np.where(np.arange(N) < 60, 1.0, 0.0), index=IDS)
    model = fusion().fit(X, Y, sample_weight=weights.iloc[SHUFFLED])
    first = {name: frame.iloc[:60] for name, frame in X.items()}
    np.testing.assert_array_equal(model.predict_proba(X), fusion().fit(first, Y.iloc[:60]).predict_proba(X))
    with pytest.raises(DataError, match="the labels of groups do not match"):
        fusion().fit(X, Y, groups=Y.iloc[:5])
    fusion().fit(X, Y, validation=(X, Y.iloc[SHUFFLED]))
    assert model.score(X, Y, sample_weight=weights.iloc[SHUFFLED]) == pytest.approx(model.score(first, Y.iloc[:60]))


def test_labelled_inputs_of_plain_arrays_are_matched_to_each_other():
    plain = {name: frame.to_numpy() for name, frame in X.items()}
    weights = pd.Series(np.linspace(0, 1, N), index=IDS)
    aligned = fusion().fit(plain, Y, sample_weight=weights).predict_proba(plain)
    shuffled = fusion().fit(plain, Y, sample_weight=weights.iloc[SHUFFLED]).predict_proba(plain)
    np.testing.assert_array_equal(aligned, shuffled)


def test_an_availability_frame_goes_by_name():
    mask = pd.DataFrame({"rna": np.arange(N) % 4 > 0, "blood": True}, index=IDS)
    assert fusion().fit(X, Y, availability=mask.iloc[SHUFFLED]).missing_rates_ == {"blood": 0.0, "rna": 0.25}
    assert fusion().fit(as_data(X), Y, availability=mask.iloc[SHUFFLED]).missing_rates_ == {"blood": 0.0, "rna": 0.25}


def test_a_table_and_its_target_are_aligned_and_may_have_duplicates():
    table = pd.concat([RNA, BLOOD], axis=1)
    modalities = {"rna": ["g1", "g2", "g3"], "blood": ["b1", "b2"]}
    model = fusion(modalities=modalities).fit(table, Y)
    np.testing.assert_array_equal(
        fusion(modalities=modalities).fit(table, Y.iloc[SHUFFLED]).predict_proba(table), model.predict_proba(table)
    )
    twice = np.repeat(np.arange(N), 2)
    fusion(modalities=modalities).fit(table.iloc[twice], Y.iloc[twice])
    with pytest.raises(DataError, match="X: label 's00' occurs in rows 0 and 1"):
        fusion(modalities=modalities).fit(table.iloc[twice], Y)


def test_data_with_sample_ids_is_aligned_with_a_series(expected):
    data = as_data(X)
    np.testing.assert_array_equal(fusion().fit(data, Y.iloc[SHUFFLED]).predict_proba(data), expected)
    unlabelled = MultimodalData.from_arrays({name: frame.to_numpy() for name, frame in X.items()})
    np.testing.assert_array_equal(fusion().fit(unlabelled, Y).predict_proba(unlabelled), expected)


def test_calibration_and_shapley_values_are_aligned():
    model = MethodRegressor("late_fusion").fit(X, RNA["g1"])
    model.calibrate(X, RNA["g1"].iloc[SHUFFLED])
    width = np.diff(model.predict_interval(X, coverage=0.8))
    assert width.max() < 2
    assert model.score(X, RNA["g1"].iloc[SHUFFLED]) > 0.7
    value = fusion().fit(X, Y).modality_value(X, Y.iloc[SHUFFLED])
    assert set(value.shapley.values) == {"rna", "blood"}


@pytest.mark.parametrize("library", [pl.DataFrame, pa.table, pd.DataFrame])
def test_frames_with_an_id_column(expected, library):
    frames = {name: frame.iloc[SHUFFLED] if name == "blood" else frame for name, frame in X.items()}
    with_ids = {n: library({"patient": list(f.index)} | {c: f[c].to_list() for c in f}) for n, f in frames.items()}
    y = library({"patient": [IDS[k] for k in SHUFFLED], "outcome": Y.iloc[SHUFFLED].tolist()})
    model = fusion(id_column="patient").fit(with_ids, y)
    np.testing.assert_array_equal(model.predict_proba(with_ids), expected)
    assert model.score(with_ids, y) == np.mean(model.predict(with_ids) == Y)
    table = library({"patient": IDS} | {c: RNA[c].to_list() for c in RNA})
    assert fusion(id_column="patient").fit(table, y).score(table, y) > 0.8
    with pytest.raises(DataError, match="modality 'rna' has no id column 'id'; columns: 'patient', 'g1', 'g2', 'g3'"):
        fusion(id_column="id").fit(with_ids, y)


def test_with_an_id_column_a_series_is_matched_by_the_index_of_x():
    table = RNA.reset_index(names="patient")
    y = Y.reset_index(drop=True)
    model = fusion(id_column="patient").fit(table, y)
    assert model.score(table.sample(frac=1, random_state=0), y) == model.score(table, y)
    assert model.score(table.sample(frac=1, random_state=0), Y) == model.score(table, y)


@pytest.mark.parametrize(
    "modalities", [{"rna": slice("g1", "g3"), "blood": ["b1"]}, {"rna": ["g1", "g2", "g3"], "blood": ["b1"]}]
)
def test_columns_of_a_table_are_matched_by_name(modalities):
    table = pd.concat([RNA, BLOOD], axis=1)
    model = fusion(modalities=modalities).fit(table, Y)
    assert model.columns_ == {"rna": ["g1", "g2", "g3"], "blood": ["b1"]}
    reordered = table[["b1", "g3", "g1", "b2", "g2"]]
    np.testing.assert_array_equal(model.predict_proba(reordered), model.predict_proba(table))
    with pytest.raises(SchemaError, match="X is without the columns 'g2', 'g3' of modality 'rna'"):
        model.predict(table.drop(columns=["g2", "g3"]))
    with pytest.raises(UnknownNameError, match=r"unknown column \(of modality 'rna'\) 'h1'"):
        fusion(modalities={"rna": slice("h1", "g3")}).fit(table, Y)


@pytest.mark.parametrize("library", [pl.DataFrame, pa.table])
@pytest.mark.parametrize("modalities", [None, {"rna": [0, 1], "rest": slice(2, 3)}, {"rna": slice("g1", "g3")}])
def test_tables_of_other_libraries(library, modalities):
    table = library({name: RNA[name].to_list() for name in RNA})
    model = fusion(modalities=modalities).fit(table, Y.to_numpy())
    assert model.feature_names_in_.tolist() == ["g1", "g2", "g3"]
    reordered = library({name: RNA[name].to_list() for name in ["g3", "g1", "g2"]})
    np.testing.assert_array_equal(model.predict_proba(reordered), model.predict_proba(table))


def test_multi_index_columns_name_the_modalities():
    table = pd.concat(X, axis=1)
    model = fusion().fit(table, Y)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(table))
    chosen = fusion(modalities={"all_rna": ["rna"], "b": [("blood", "b1")]}).fit(table, Y)
    assert chosen.missing_rates_ == {"all_rna": 0.0, "b": 0.0}
    assert chosen.method_.schema.modalities[0].feature_names == ("rna/g1", "rna/g2", "rna/g3")


@pytest.mark.filterwarnings("ignore::redcore.exceptions.MissingCellsWarning")
@pytest.mark.parametrize("kind", ["Float64", "float64[pyarrow]", object])
@pytest.mark.parametrize("modalities", [None, {"a": [0, 1], "b": [2]}, {"a": ["g1", "g2"], "b": ["g3"]}])
def test_nullable_tables(kind, modalities):
    frame = RNA.copy()
    frame.loc[frame.index[::3], ["g1", "g2"]] = np.nan
    typed = frame.astype(kind)
    plain, nullable = fusion(modalities=modalities).fit(frame, Y), fusion(modalities=modalities).fit(typed, Y)
    assert nullable.missing_rates_ == plain.missing_rates_
    np.testing.assert_array_equal(nullable.predict_proba(typed), plain.predict_proba(frame))


def test_masked_tables_and_lists_with_na():
    mask = np.zeros((N, 3), dtype=bool)
    mask[::2, 0] = True
    filled = RNA.to_numpy().copy()
    filled[::2, 0] = -999.0
    modalities = {"a": [0], "b": [1, 2]}
    assert fusion(modalities=modalities).fit(np.ma.MaskedArray(filled, mask), Y).missing_rates_["a"] == 0.5
    cells = [[pd.NA if mask[row, 0] else filled[row, 0], *filled[row, 1:]] for row in range(N)]
    assert fusion(modalities=modalities).fit(cells, Y).missing_rates_["a"] == 0.5
    with pytest.raises(TargetError, match="labels are missing: row 0"):
        fusion().fit(RNA.to_numpy(), np.ma.MaskedArray(Y.to_numpy().astype(float), mask[:, 0]))


def test_sparse_modalities_and_targets():
    words = scipy.sparse.csr_matrix(RNA.to_numpy())
    model = fusion().fit({"text": words}, Y.to_numpy())
    dense = fusion().fit({"text": RNA.to_numpy()}, Y.to_numpy())
    np.testing.assert_array_equal(model.predict_proba({"text": words}), dense.predict_proba({"text": RNA.to_numpy()}))
    indicators = np.eye(2, dtype=int)[Y.to_numpy()]
    assert fusion().fit({"text": words}, scipy.sparse.csr_matrix(indicators)).predict({"text": words}).shape == (N, 2)


def test_a_series_is_not_a_table():
    model = fusion().fit(RNA, Y)
    with pytest.raises(DataError, match=r"X is a Series, expected a table .* frame.loc\[\[label\]\]"):
        model.predict(RNA.iloc[0])
    assert model.predict(RNA.iloc[[0]]).shape == (1,)


def test_a_search_varies_single_settings():
    model = fusion(settings={"max_iter": 50})
    search = GridSearchCV(model, {"settings__C": [0.01, 1.0]}, cv=3).fit(RNA, Y)
    assert search.best_estimator_.settings == {"max_iter": 50, "C": search.best_params_["settings__C"]}
    assert model.settings == {"max_iter": 50}
    assert model.get_params()["settings__max_iter"] == 50
    piped = make_pipeline(fusion()).set_params(methodclassifier__settings__C=0.5)
    assert piped[0].settings == {"C": 0.5}
    with pytest.raises(UnknownNameError, match="unknown setting 'c'"):
        fusion().set_params(settings__c=1).fit(RNA, Y)


def test_a_mapping_is_cross_validated_as_data():
    scores = cross_validate(fusion(), as_data({"rna": RNA, "blood": BLOOD.iloc[SHUFFLED]}), Y, cv=3)["test_score"]
    assert scores.mean() > 0.8
    with_target = as_data(X, Target.from_labels(Y))
    assert fusion().fit(with_target).score(with_target) > 0.8
    assert cross_validate(fusion(), with_target, cv=ShuffleSplit(2))["test_score"].mean() > 0.8


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1], [2, 3]] * (N // 2), "labels are ragged"),
        (pl.LazyFrame({"y": Y.to_numpy()}), r"labels are a single LazyFrame, .*call its method collect\(\) first"),
        (3, "labels are a single int, expected one entry per sample"),
        (np.where(np.arange(N) == 7, np.inf, 1.0), "infinity .* in row 7"),
        (torch.zeros(N, requires_grad=True), "labels cannot be converted to an array .*detach"),
    ],
    ids=["ragged", "lazy", "scalar", "infinite", "tensor"],
)
def test_a_target_that_is_no_array_is_named(y, message):
    with pytest.raises(TargetError, match=message):
        fusion().fit(RNA.to_numpy(), y)


def test_classes_as_float16():
    assert fusion().fit(RNA.to_numpy(), Y.to_numpy().astype(np.float16)).classes_.tolist() == [0, 1]


def test_a_continuous_target_beyond_float32_is_named():
    with pytest.raises(TargetError, match=r"label in row 3 is 1e\+300, too large for float32"):
        MethodRegressor("late_fusion").fit(RNA.to_numpy(), np.where(np.arange(N) == 3, 1e300, np.arange(N)))


def test_empty_text_as_a_class_is_named():
    with pytest.warns(DataWarning, match="y: empty text is read as a class"):
        assert fusion().fit(RNA, Y.map({0: "", 1: "b"})).classes_.tolist() == ["", "b"]


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1.0, 2.0]), ([1.0, 2.0], [1, 2])])
def test_whole_numbers_as_categories_match_their_floats(first, second):
    train = RNA.assign(ward=pd.Categorical(np.array(first)[Y]))
    model, same = fusion().fit(train, Y), RNA.assign(ward=pd.Categorical(np.array(second)[Y]))
    np.testing.assert_array_equal(model.predict_proba(same), model.predict_proba(train))
