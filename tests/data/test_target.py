import copy
import json
import pickle
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from redcore.data import Target, TargetKind
from redcore.exceptions import ShapeError, TargetError


def test_two_classes_are_binary():
    target = Target.from_labels(["no", "yes", "no"])
    assert (target.kind, target.n_outputs, target.is_classification) == ("binary", 2, True)
    assert target.values.tolist() == [0, 1, 0]
    assert target.classes.tolist() == ["no", "yes"]


@pytest.mark.parametrize(("labels", "n_classes"), [([0, 1, 2], 3), ([4, 4, 4], 1)])
def test_any_other_number_of_classes_is_multiclass(labels, n_classes):
    target = Target.from_labels(labels)
    assert (target.kind, target.n_outputs) == ("multiclass", n_classes)


def test_classes_that_do_not_occur_are_kept():
    target = Target.from_labels(["a", "a"], classes=["a", "b", "c"])
    assert (target.kind, target.n_outputs) == ("multiclass", 3)
    assert target.values.tolist() == [0, 0]


def test_regression_with_one_and_several_outputs():
    one, several = Target.from_numbers([0.5, 1]), Target.from_numbers([[1, 2, 3], [4, 5, 6]])
    assert (one.kind, one.n_outputs, one.values.shape, one.classes) == ("regression", 1, (2,), None)
    assert (several.n_outputs, several.values.dtype) == (3, np.float64)
    assert not one.is_classification


def test_multilabel_keeps_the_order_of_names():
    target = Target.from_multilabel([[0, 1], [1, 1], [0, 0]], names=["loud", "angry"])
    assert (target.kind, target.n_outputs, target.is_classification) == ("multilabel", 2, False)
    assert target.classes.tolist() == ["loud", "angry"]
    assert target.values.dtype == np.float32
    assert target.values.tolist() == [[0, 1], [1, 1], [0, 0]]


def test_multilabel_names_default_to_numbers():
    assert Target.from_multilabel([[0, 1, 1]]).classes.tolist() == [0, 1, 2]
    assert Target.from_multilabel([[0], [1]]).n_outputs == 1


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["a"], ShapeError, "1 rows, expected 2"),
        (["a", "a"], TargetError, "not unique"),
        (["a", None], TargetError, "missing"),
    ],
)
def test_bad_multilabel_names(names, error, message):
    with pytest.raises(error, match=message):
        Target.from_multilabel([[0, 1]], names)


@pytest.mark.parametrize("make", [Target.from_labels, Target.from_numbers, Target.from_multilabel])
@pytest.mark.parametrize("labels", [None, 3, np.array(3), "abc"])
def test_error_if_labels_are_not_a_list(make, labels):
    with pytest.raises(TargetError, match="labels"):
        make(labels)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("make", [Target.from_labels, Target.from_numbers])
def test_missing_labels(make, missing):
    with pytest.raises(TargetError, match="labels missing: row 2"):
        make([1, 2, missing])


def test_take_keeps_classes_and_order():
    taken = Target.from_labels(["a", "b", "c"]).take(np.array([2, 0, 2]))
    assert taken.values.tolist() == [2, 0, 2]
    assert taken.classes.tolist() == ["a", "b", "c"]


def test_inputs_are_not_shared():
    labels, classes, numbers = np.array([1, 2]), np.array([2, 1]), np.array([0.5, 1.5])
    indicators, names = np.array([[0, 1]], dtype=np.float32), np.array(["p", "q"])
    coded, regression = Target.from_labels(labels, classes), Target.from_numbers(numbers)
    multilabel = Target.from_multilabel(indicators, names)
    labels[:], classes[:], numbers[:], indicators[:], names[:] = 7, 8, 9, 1, "z"
    assert coded.values.tolist() == [1, 0]
    assert coded.classes.tolist() == [2, 1]
    assert regression.values.tolist() == [0.5, 1.5]
    assert multilabel.values.tolist() == [[0, 1]]
    assert multilabel.classes.tolist() == ["p", "q"]


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_target_kind_is_its_string_in_json_reprs_and_comparisons(kind):
    assert kind == kind.value
    assert (json.dumps(kind), repr(kind), f"{kind}") == (f'"{kind.value}"', repr(kind.value), kind.value)
    properties = [kind.is_classification, kind.is_multilabel, kind.is_regression, kind.is_survival, kind.is_mixed]
    assert properties.count(True) == 1
    assert kind.has_probabilities == (kind not in ("regression", "mixed"))


def test_pickles_hold_the_string_of_the_target_kind():
    target = Target.from_numbers([1.0, 2.0])
    raw = pickle.dumps(target)
    assert b"TargetKind" not in raw
    assert pickle.loads(raw).kind is TargetKind.REGRESSION
    assert copy.copy(target).kind is replace(target, values=target.values[:1]).kind is TargetKind.REGRESSION


def test_a_target_kind_that_does_not_exist_is_rejected():
    with pytest.raises(ValueError, match="'ordinal' is not a valid TargetKind"):
        Target(cast(TargetKind, "ordinal"), np.zeros(2))


def test_labels_of_several_entries_are_an_error():
    with pytest.raises(TargetError, match="labels are of type tuple, expected text, integers or booleans"):
        Target.from_labels(pd.Series([("a", 1), ("b", 2)]))
    with pytest.raises(TargetError, match="labels are of type list"):
        Target.from_labels(pd.Series([["a"], ["b", "c"]]))
