"""Features are matched by name wherever both the training data and the new data have names."""

import numpy as np
import pandas as pd
import pytest

from redcore import MethodClassifier, load_model, save_model
from redcore.data import MultimodalData, Schema, Target, concatenate
from redcore.data.store import Store, write_store
from redcore.exceptions import DataError, RedCoreError, SchemaError

FRAME = pd.DataFrame({"lab_1": [1.0, 2.0, 3.0], "lab_2": [4.0, 5.0, 6.0], "lab_3": [7.0, 8.0, 9.0]})


def make(frame=FRAME, **options):
    return MultimodalData.from_arrays(
        {"lab": frame, "ecg": np.ones((3, 2))}, target=Target.from_labels(["a", "b", "a"]), **options
    )


def test_a_frame_brings_the_names_of_its_columns():
    data = make()
    assert dict(data.feature_names) == {"lab": ("lab_1", "lab_2", "lab_3")}
    assert data.take([1]).feature_names == data.feature_names
    assert dict(data.select(["ecg"]).feature_names) == {}
    assert Schema.of(data).modalities[1].feature_names == ("lab_1", "lab_2", "lab_3")


def test_reordered_columns_are_reordered():
    conformed = Schema.of(make()).conform(make(FRAME[["lab_3", "lab_1", "lab_2"]]))
    np.testing.assert_array_equal(conformed.modalities["lab"].values, FRAME.to_numpy(dtype=np.float32))
    assert conformed.feature_names["lab"] == ("lab_1", "lab_2", "lab_3")


def test_arrays_without_names_are_matched_by_position():
    Schema.of(make()).conform(make(FRAME.to_numpy()))
    Schema.of(make(FRAME.to_numpy())).conform(make())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"lab_1": "lab_9"}, "'lab' has other features than in training .unknown: 'lab_9'; absent: 'lab_1'"),
        ({"lab_1": "x", "lab_2": "y", "lab_3": "z"}, "unknown: 'x', 'y', 'z'; absent: 'lab_1', 'lab_2', 'lab_3'"),
    ],
)
def test_other_columns_are_listed(columns, message):
    with pytest.raises(SchemaError, match=message):
        Schema.of(make()).conform(make(FRAME.rename(columns=columns)))


def test_missing_and_additional_columns_are_listed():
    schema = Schema.of(make())
    with pytest.raises(SchemaError, match="absent: 'lab_3'"):
        schema.conform(make(FRAME[["lab_1", "lab_2"]]))
    with pytest.raises(SchemaError, match="unknown: 'lab_4'"):
        schema.conform(make(FRAME.assign(lab_4=0.0)))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"ecg": ["a"]}, "'ecg' has 2 features, but 1 feature names"),
        ({"ecg": ["a", "a"]}, "feature name 'a' occurs twice"),
        ({"eeg": ["a", "b"]}, "unknown modality 'eeg'"),
    ],
)
def test_invalid_names_are_rejected(names, message):
    with pytest.raises(RedCoreError, match=message):
        make(feature_names=names)


def test_data_sets_with_other_names_are_not_concatenated():
    with pytest.raises(DataError, match="different feature names"):
        concatenate([make(), make(FRAME[["lab_3", "lab_1", "lab_2"]])])


def test_a_store_keeps_names_and_reorders(tmp_path):
    write_store(make(FRAME[["lab_3", "lab_1", "lab_2"]]), tmp_path / "store")
    for data in (Store(tmp_path / "store").read(), Store(tmp_path / "store").data()):
        conformed = Schema.of(make()).conform(data)
        np.testing.assert_array_equal(conformed.loaded().modalities["lab"].values, FRAME.to_numpy(dtype=np.float32))


@pytest.mark.parametrize("single_file", [False, True])
def test_a_saved_model_matches_columns_by_name(tmp_path, single_file):
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    frame = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    frame["b"] += 3 * y
    model = MethodClassifier("late_fusion").fit({"lab": frame}, y)
    path = tmp_path / ("model.safetensors" if single_file else "model")
    save_model(model, path)
    data = MultimodalData.from_arrays({"lab": frame[["b", "c", "a"]]})
    np.testing.assert_array_equal(load_model(path).predict(data), model.predict_proba({"lab": frame}))
    with pytest.raises(SchemaError, match="absent: 'b'"):
        model.predict({"lab": frame.rename(columns={"b": "d"})})
