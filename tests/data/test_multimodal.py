import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from redcore.data import ModalitySchema, MultimodalData, Schema, Target
from redcore.exceptions import (
    DataError,
    DataWarning,
    NonFiniteError,
    SchemaError,
    ShapeError,
    TargetError,
    UnknownNameError,
)

NAN = np.nan


def make(**changes):
    arguments = {
        "modalities": {
            "text": [[1.0, 2.0], [3.0, 4.0], None, [5.0, 6.0]],
            "audio": [[[1.0], [2.0]], None, [[3.0]], [[4.0], [5.0], [6.0]]],
        },
        "target": Target.from_labels(["n", "y", "y", "n"]),
        "groups": ["g", "g", "h", "h"],
        "sample_ids": ["s0", "s1", "s2", "s3"],
        "split": [0, 1, 2, 0],
    }
    return MultimodalData.from_arrays(**arguments | changes)


def dense(data):
    """Return all values of all samples as nested lists, None if missing."""
    result = {}
    for name, modality in data.modalities.items():
        column = [None] * data.n_samples
        observed = modality.gather(np.arange(data.n_samples))
        for index, row in enumerate(observed.rows):
            entry = observed.values[index]
            column[row] = (entry if observed.lengths is None else entry[: observed.lengths[index]]).tolist()
        result[name] = column
    return result


def test_modalities_and_availability_are_sorted_by_name():
    data = make()
    assert data.names == ("audio", "text")
    assert data.availability.tolist() == [[True, True], [False, True], [True, False], [True, True]]
    assert data.missing_rates == {"audio": 0.25, "text": 0.25}
    assert len(data) == data.n_samples == 4
    assert repr(data) == "MultimodalData(4 samples, binary: audio (sequences of 1), text (2))"


def test_all_input_types_in_one_data_set():
    data = MultimodalData.from_arrays(
        {
            "matrix": np.arange(6.0).reshape(3, 2),
            "vector": np.arange(3),
            "cube": np.arange(12.0).reshape(3, 2, 2),
            "frame": pd.DataFrame({"p": [1.0, NAN, 3.0], "q": [1.0, NAN, 3.0]}),
            "tensor": torch.eye(3),
            "ragged": [np.ones((2, 1)), None, np.zeros((1, 1))],
            "never_observed": None,
        },
        lengths={"cube": [1, 2, 0]},
    )
    assert dense(data) == {
        "cube": [[[0, 1]], [[4, 5], [6, 7]], None],
        "frame": [[1, 1], None, [3, 3]],
        "matrix": [[0, 1], [2, 3], [4, 5]],
        "never_observed": [None, None, None],
        "ragged": [[[1], [1]], None, [[0]]],
        "tensor": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "vector": [[0], [1], [2]],
    }
    assert data.sample_ids.tolist() == [0, 1, 2]


def test_order_of_modality_keys_does_not_matter():
    arrays = {"b": np.ones((3, 2)), "a": np.zeros((3, 1)), "c": np.full((3, 4), 2.0)}
    availability = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1]])
    first = MultimodalData.from_arrays(arrays, availability=availability)
    order = ["c", "b", "a"]
    columns = [list(arrays).index(name) for name in order]
    second = MultimodalData.from_arrays({name: arrays[name] for name in order}, availability=availability[:, columns])
    assert first.names == second.names == ("a", "b", "c")
    assert first.checksum() == second.checksum()
    assert first.availability[:, 0].tolist() == [False, True, True]


@pytest.mark.parametrize(
    "availability", [np.array([[1, 0], [1, 1]]), {"b": [0, 1]}, {"b": np.array([False, True]), "a": [1, 1]}]
)
@pytest.mark.parametrize("junk", [NAN, np.inf, 1e30])
def test_values_of_missing_modalities_are_ignored(availability, junk):
    clean = MultimodalData.from_arrays({"a": np.ones((2, 2)), "b": [None, [1.0, 2.0]]})
    spoiled = MultimodalData.from_arrays(
        {"a": np.ones((2, 2)), "b": np.array([[junk, 0.5], [1.0, 2.0]])}, availability=availability
    )
    assert spoiled.checksum() == clean.checksum()
    assert spoiled.modalities["b"].values.tobytes() == clean.modalities["b"].values.tobytes()


def test_all_available_equals_no_availability():
    assert make(availability=np.ones((4, 2))).checksum() == make().checksum()


X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    ("modalities", "options", "error", "message"),
    [
        ({}, {}, DataError, "no modality given"),
        ({3: X}, {}, DataError, "modality name 3"),
        ({"": X}, {}, DataError, "modality name ''"),
        ({"a": None, "b": None}, {}, DataError, "all modalities are missing"),
        ({"a": X[:0]}, {}, DataError, "no samples"),
        ({"a": X, "b": X[:2]}, {}, ShapeError, "modality 'b' has 2 rows, expected 3"),
        ({"a": None, "b": X, "c": [None]}, {}, ShapeError, "modality 'c' has 1 rows, expected 3"),
        ({"a": 3}, {}, DataError, "modality 'a' is a int, expected an array"),
        ({"a": np.array(3.0)}, {}, DataError, "modality 'a' is a ndarray"),
        ({"a": "text"}, {}, DataError, "modality 'a' is a str"),
        ({"a": X, "b": [[1], [2, 3], [4]]}, {}, ShapeError, "modality 'b', row 1"),
        ({"a": X, "b": [[1], [NAN], [np.inf]]}, {}, NonFiniteError, "modality 'b', row 2"),
        ({"a": X * 1j}, {}, DataError, "modality 'a' .*complex"),
        ({"a": X}, {"availability": np.ones((3, 2))}, ShapeError, r"\(3, 2\), expected \(3, 1\)"),
        ({"audio": X}, {"availability": {"audoi": [1, 1, 1]}}, UnknownNameError, "did you mean 'audio'"),
        ({"audio": X}, {"lengths": {"text": [1, 1, 1]}}, UnknownNameError, "modality 'text'; known: audio"),
        ({"a": X}, {"lengths": {"a": [1, 1, 1]}}, ShapeError, "'a' has lengths"),
        ({"a": X}, {"target": Target.from_labels([0, 1])}, ShapeError, "target has 2 rows, expected 3"),
        ({"a": X}, {"sample_ids": ["p", "q", "p"]}, DataError, "'p' occurs 2 times"),
        ({"a": X}, {"groups": [1]}, ShapeError, "groups"),
        ({"a": X}, {"split": [0, 1, 5]}, DataError, "split of row 2 is 5"),
        ({"a": X}, {"nan_rows": "skip"}, UnknownNameError, "nan_rows 'skip'"),
    ],
)
def test_bad_arguments(modalities, options, error, message):
    with pytest.raises(error, match=message):
        MultimodalData.from_arrays(modalities, **options)


def test_nan_rows_option_applies_to_all_modalities():
    data = MultimodalData.from_arrays({"a": [[1.0, NAN], [1.0, 2.0]], "b": [[NAN], [3.0]]}, nan_rows="missing")
    assert data.availability.tolist() == [[False, False], [True, True]]


def test_sample_without_any_modality_is_kept():
    data = MultimodalData.from_arrays({"a": X, "b": X}, availability=[[0, 0], [1, 0], [1, 1]])
    assert data.availability.tolist() == [[False, False], [True, False], [True, True]]


def test_inputs_are_neither_modified_nor_shared():
    arrays = {"a": np.ones((2, 2), dtype=np.float32), "b": np.array([[NAN], [1.0]])}
    availability, ids, groups = np.ones((2, 2), dtype=bool), np.array([4, 5]), np.array([1, 2])
    split, lengths = np.array([0, 1]), np.array([1, 2])
    inputs = [*arrays.values(), availability, ids, groups, split, lengths]
    before = [array.copy() for array in inputs]
    data = MultimodalData.from_arrays(
        arrays | {"c": np.ones((2, 2, 1))},
        availability={"a": availability[:, 0], "b": availability[:, 1]},
        lengths={"c": lengths},
        sample_ids=ids,
        groups=groups,
        split=split,
    )
    for array, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, old)
    checksum, expected = data.checksum(), dense(data)
    for array in inputs:
        array[:] = 0
    assert data.checksum() == checksum
    assert dense(data) == expected
    assert (data.groups.tolist(), data.split.tolist()) == ([1, 2], [0, 1])


def test_take_selects_all_attributes_of_the_samples():
    data = make().take([3, 1])
    assert dense(data) == {"audio": [[[4], [5], [6]], None], "text": [[5, 6], [3, 4]]}
    assert data.target.values.tolist() == [0, 1]
    assert data.groups.tolist() == ["h", "g"]
    assert data.sample_ids.tolist() == ["s3", "s1"]
    assert data.split.tolist() == [0, 1]


def test_take_no_samples_and_data_without_target():
    assert make().take([]).n_samples == 0
    data = MultimodalData.from_arrays({"a": X}).take([2])
    assert (data.target, data.groups, data.split) == (None, None, None)
    assert dense(data) == {"a": [[4, 5]]}


@pytest.mark.parametrize(("part", "ids"), [("train", ["s0", "s3"]), ("validation", ["s1"]), ("test", ["s2"])])
def test_part_selects_a_split(part, ids):
    assert make().part(part).sample_ids.tolist() == ids
    assert make(split=None).part(part).n_samples == 0


def test_unknown_split():
    with pytest.raises(UnknownNameError, match="unknown split 'tset'; did you mean 'test'"):
        make().part("tset")


def test_select_keeps_other_attributes():
    data = make().select(["text"])
    assert data.names == ("text",)
    assert dense(data) == {"text": dense(make())["text"]}
    assert data.sample_ids.tolist() == make().sample_ids.tolist()
    assert make().select(iter(["text", "audio"])).checksum() == make().checksum()


def test_select_unknown_modality():
    with pytest.raises(UnknownNameError, match="modality 'txt'; did you mean 'text'"):
        make().select(["txt"])
    with pytest.raises(DataError, match="no modality given"):
        make().select([])


def test_hide_by_array_and_by_name():
    availability = np.array([[1, 0], [1, 1], [0, 1], [1, 1]])
    by_array, by_name = make().hide(availability), make().hide({"audio": [1, 1, 0, 1], "text": [0, 1, 1, 1]})
    assert dense(by_array) == {
        "audio": [[[1], [2]], None, None, [[4], [5], [6]]],
        "text": [None, [3, 4], None, [5, 6]],
    }
    assert by_array.checksum() == by_name.checksum()
    assert by_array.sample_ids.tolist() == make().sample_ids.tolist()


@pytest.mark.parametrize(
    ("availability", "error", "message"),
    [
        (np.ones((4, 3)), ShapeError, r"\(4, 3\), expected \(4, 2\)"),
        ({"txt": [1, 1, 1, 1]}, UnknownNameError, "did you mean 'text'"),
        ({"text": [1, 1, 1, 2]}, DataError, "'text'"),
    ],
)
def test_hide_checks_availability(availability, error, message):
    with pytest.raises(error, match=message):
        make().hide(availability)


def test_hidden_values_are_removed_from_memory():
    assert make().hide({"text": [False] * 4}).modalities["text"].values.size == 0
    availability = {"text": [0, 1, 1, 0], "audio": [1, 1, 0, 1]}
    assert make().hide(availability).checksum() == make(availability=availability).checksum()


def test_hiding_all_modalities_keeps_the_schema():
    hidden = make().hide(np.zeros((4, 2)))
    assert Schema.of(hidden).modalities == Schema.of(make()).modalities
    assert hidden.missing_rates == {"audio": 1.0, "text": 1.0}


def test_checksum_is_stable_under_pickling():
    data = make()
    assert data.checksum() == make().checksum() == pickle.loads(pickle.dumps(data)).checksum()
    assert data.take([0, 1, 2, 3]).checksum() == data.checksum()


def test_checksum_changes_with_any_content():
    text = [[1.0, 2.0]] * 4
    versions = [
        make(),
        make(target=None),
        make(target=Target.from_labels(["y", "n", "n", "y"])),
        make(target=Target.from_labels(["n", "z", "z", "n"])),
        make(target=Target.from_labels(["n", "y", "y", "n"], classes=["n", "y", "z"])),
        make(target=Target.from_numbers([0, 1, 1, 0])),
        make(sample_ids=["s0", "s1", "s2", "s4"]),
        make(availability={"text": [0, 1, 1, 1]}),
        make().take([1, 0, 2, 3]),
        make().select(["text"]),
        make(modalities={"text": text, "audio": [[1.0]] * 4}),
        make(modalities={"text": text, "sound": [[1.0]] * 4}),
        make(modalities={"text": text, "sound": [[1.0]] * 3 + [[1.0000001]]}),
    ]
    assert len({version.checksum() for version in versions}) == len(versions)


def test_checksum_depends_on_sequence_boundaries():
    one = MultimodalData.from_arrays({"a": [[[1.0], [2.0]], [[3.0]]]})
    other = MultimodalData.from_arrays({"a": [[[1.0]], [[2.0], [3.0]]]})
    assert one.checksum() != other.checksum()


def test_schema_describes_modalities_and_target():
    schema = Schema.of(make())
    assert schema.modalities == (ModalitySchema("audio", 1, True), ModalitySchema("text", 2, False))
    assert schema.names == ("audio", "text")
    assert (schema.target_kind, schema.classes.tolist(), schema.n_outputs) == ("binary", ["n", "y"], 2)


def test_schema_needs_a_target():
    with pytest.raises(TargetError, match="target"):
        Schema.of(make(target=None))


def test_schema_accepts_fewer_modalities_and_unobserved_ones():
    schema = Schema.of(make())
    schema.conform(make().select(["text"]))
    schema.conform(make(modalities={"text": [[1.0, 2.0]] * 4, "audio": None}))
    Schema.of(make(modalities={"text": None, "audio": [[1.0]] * 4})).conform(make(modalities={"text": X[[0, 1, 2, 0]]}))


@pytest.mark.parametrize(
    ("modalities", "error", "message"),
    [
        ({"txt": [[1.0, 2.0]] * 4}, UnknownNameError, "did you mean 'text'"),
        ({"text": [[1.0]] * 4}, SchemaError, "'text' has 1 features, expected 2"),
        ({"audio": [[1.0]] * 4}, SchemaError, "'audio' contains vectors, expected sequences"),
    ],
)
def test_schema_rejects_data_that_does_not_match(modalities, error, message):
    with pytest.raises(error, match=message):
        Schema.of(make()).conform(make(modalities=modalities))


def test_schema_aligns_class_codes():
    schema = Schema.of(make(target=Target.from_labels(["c", "a", "b", "a"])))
    aligned = schema.align(make(target=Target.from_labels(["b", "c", "c", "b"])))
    assert aligned.target.values.tolist() == [1, 2, 2, 1]
    assert aligned.target.classes.tolist() == ["a", "b", "c"]
    assert aligned.target.kind == "multiclass"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "no target to score"),
        (Target.from_numbers([1, 2, 3, 4]), "regression, expected binary"),
        (Target.from_labels(["n", "x", "n", "x"]), "label 'x' in row 1 is not among"),
        (Target.from_labels([0, 1, 0, 1]), "label '0' in row 0 is not among"),
    ],
)
def test_schema_does_not_align_another_target(target, message):
    with pytest.raises(TargetError, match=message):
        Schema.of(make()).align(make(target=target))


def test_schema_does_not_change_regression_targets():
    data = make(target=Target.from_numbers([1, 2, 3, 4]))
    assert Schema.of(data).align(data) is data


def test_nan_rows_missing_warns_if_most_samples_are_hidden():
    lab = pd.DataFrame({"crp": np.arange(20.0), "ph": np.where(np.arange(20) < 15, np.nan, 7.4)})
    with pytest.warns(DataWarning, match=r"'lab': .* missing in 15 of its 20 samples, .* column 'ph' \(75.0%\)"):
        data = MultimodalData.from_arrays({"lab": lab}, nan_rows="missing")
    assert data.modalities["lab"].n_observed == 5
    few = MultimodalData.from_arrays({"lab": lab.iloc[10:]}, nan_rows="missing")
    assert few.modalities["lab"].n_observed == 5
