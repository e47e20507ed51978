"""Mixed targets: construction, selection of parts, alignment with a schema and splits."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redcore.data import MultimodalData, Schema, Target, TargetKind, concatenate, cross_folds, hold_out, several_targets
from redcore.data.formats import read
from redcore.exceptions import DataError, TargetError, UnknownNameError


def mixed(n_samples=12, **columns):
    """Return a mixed target: a class that is known for all samples, and a number that every third does not have."""
    rows = np.arange(n_samples)
    number = np.where(rows % 3 == 0, np.nan, rows + 0.5)
    return several_targets({"stage": np.array(["early", "late"])[rows % 2], "age": number, **columns})


def data_of(target):
    return MultimodalData.from_arrays({"scan": np.arange(len(target.values))[:, None] + 1.0}, target)


def test_a_part_has_the_labelled_samples_only():
    data = data_of(mixed())
    age = data.of_part("age")
    assert age.sample_ids.tolist() == [1, 2, 4, 5, 7, 8, 10, 11]
    np.testing.assert_array_equal(age.target.values, age.sample_ids + 0.5)
    assert data.of_part("stage").target.classes.tolist() == ["early", "late"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.none() | st.floats(-9, 9)), min_size=2, max_size=20))
def test_missing_parts_survive_a_round_trip_through_samples(rows):
    columns = {"letter": [letter for letter, _ in rows], "number": [number for _, number in rows]}
    if any(len({entry for entry in values if entry is not None}) < 2 for values in columns.values()):
        return
    target = several_targets(columns, {"number": "numbers"})
    order = np.arange(len(rows))[::-1]
    taken = target.take(order)
    for name, values in columns.items():
        known = [entry is not None for entry in values]
        assert target.labelled(name).tolist() == known
        single = taken.of_part(name)
        decoded = single.values if single.classes is None else single.classes[single.values]
        assert decoded.tolist() == [values[row] for row in order if values[row] is not None]


def test_kinds_are_decided_per_column_and_can_be_given():
    target = several_targets(
        pd.DataFrame({"grade": [1.0, np.nan, 2.0, 1.0], "dose": [0.5, 1.0, 2.0, 4.0], "visits": [3, 1, 2, 2]}),
        {"visits": "numbers"},
    )
    assert [(part.name, part.kind) for part in target.parts] == [
        ("grade", "binary"),
        ("dose", "regression"),
        ("visits", "regression"),
    ]
    assert target.of_part("grade").classes.tolist() == [1, 2]


def test_survival_and_labels_can_be_parts():
    times = np.array([(True, 2.0), (False, 3.5)], dtype=[("event", "?"), ("time", "f8")])
    target = several_targets({"death": times, "tags": np.array([[0, 1], [1, 1]])})
    assert [part.kind for part in target.parts] == ["survival", "multilabel"]
    np.testing.assert_array_equal(target.of_part("death").values, [[2.0, 1.0], [3.5, 0.0]])


def test_errors_name_the_target():
    with pytest.raises(TargetError, match="target 'age': no sample has a value"):
        several_targets({"age": [None, None]})
    with pytest.raises(TargetError, match=r"target 'b': 3 values for 3 labelled of 3 samples, expected 2 samples"):
        several_targets({"a": [1, 2], "b": [0.5, 1.5, 2.5]})
    with pytest.raises(UnknownNameError, match="unknown target 'siz'"):
        mixed().of_part("siz")
    with pytest.raises(TargetError, match="expected a mapping or a data frame with one column per target, got list"):
        several_targets([1, 2])
    with pytest.raises(TargetError, match="expected at least one target"):
        several_targets({})
    with pytest.raises(TargetError, match="target 'inner' consists of several targets"):
        Target.from_parts({"inner": mixed()})


def test_a_schema_aligns_each_part():
    schema = Schema.of(data_of(mixed()))
    other = several_targets({"age": [1, 2, 3, 9], "stage": ["late", None, "late", "early"]}, {"age": "numbers"})
    aligned = schema.align(data_of(other)).target
    assert aligned.part_names == ("stage", "age")
    assert aligned.of_part("stage").values.tolist() == [1, 1, 0]
    only_age = several_targets({"age": [1.5, 2.5]})
    assert not schema.align(data_of(only_age)).target.labelled("stage").any()
    with pytest.raises(TargetError, match=r"target 'stage': .*'new'"):
        schema.align(data_of(several_targets({"stage": ["early", "new"]})))
    with pytest.raises(UnknownNameError, match="unknown target 'size'"):
        schema.align(data_of(several_targets({"size": [0.5, 1.5]})))
    with pytest.raises(TargetError, match="the target is binary, expected mixed"):
        schema.align(data_of(Target.from_labels(["early", "late"])))


def test_samples_are_stratified_by_the_first_class():
    target = several_targets({"age": np.arange(40) + 0.5, "rare": ["yes"] * 4 + ["no"] * 34 + [None] * 2})
    _, held_out = hold_out(data_of(target), 0.5, seed=0)
    assert np.count_nonzero(held_out < 4) == 2
    folds = cross_folds(data_of(target), 2, seed=0)
    assert np.bincount(folds[:4]).tolist() == [2, 2]


def test_a_single_part_is_split_like_a_single_target():
    for single in (Target.from_labels(list("aabbbcab")), Target.from_numbers(np.arange(8) ** 2 + 0.5)):
        both = data_of(single), data_of(Target.from_parts({"only": single}))
        np.testing.assert_array_equal(*(cross_folds(data, 3, seed=1) for data in both))
        np.testing.assert_array_equal(*(hold_out(data, 0.3, seed=1)[1] for data in both))


def test_mixed_targets_are_concatenated_pickled_and_weighted():
    data = data_of(mixed())
    halves = [data.take(np.arange(6)), data.take(np.arange(6, 12))]
    assert concatenate(halves).checksum() == data.checksum()
    assert pickle.loads(pickle.dumps(data)).checksum() == data.checksum()
    assert data.checksum() != data_of(mixed(size=np.arange(12) + 0.5)).checksum()
    with pytest.raises(DataError, match="different kinds or classes"):
        concatenate([halves[0], replace(halves[1], target=mixed(6, size=np.arange(6) + 0.5))])
    weighted = data.target.weighted(np.arange(12) + 1)
    assert weighted.kind is TargetKind.MIXED
    assert weighted.of_part("age").weights.mean() == pytest.approx(1)


def test_the_key_y_of_an_archive_is_its_only_target(tmp_path):
    np.savez(tmp_path / "data.npz", x_a=np.ones((4, 2)), y=np.array([0, 1, 0, 1]), y_reg=np.array([0.5, 1.5, 2.5, 0.1]))
    target = read(tmp_path / "data.npz").target
    assert (target.kind, target.values.tolist()) == ("binary", [0, 1, 0, 1])
