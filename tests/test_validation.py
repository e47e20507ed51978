import numpy as np
import pandas as pd
import pytest
import torch

from redcore import _validation as check
from redcore.exceptions import DataError, MissingRateError, NonFiniteError, ShapeError, TargetError, UnknownNameError


def test_unknown_name_lists_known_names_and_suggests_the_closest():
    with pytest.raises(UnknownNameError) as caught:
        check.check_known("modality", ["text", "audoi"], ["video", "text", "audio"])
    assert str(caught.value) == "unknown modality 'audoi'; did you mean 'audio'? Known: audio, text, video"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("nothing", None),
        ("gradient", None),
        ("boostin", "boosting"),
        ("stck", "stack"),
        ("Late-Fusion", "late_fusion"),
        ("stak", "stack"),
    ],
)
def test_only_close_names_are_suggested(name, suggestion):
    message = str(UnknownNameError("method", name, ["boosting", "late_fusion", "stack", "mean_fill"]))
    assert ("did you mean" in message) == (suggestion is not None)
    assert suggestion is None or f"did you mean {suggestion!r}?" in message


def test_known_names_pass():
    check.check_known("modality", ["text"], iter(["audio", "text"]))


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "no modality given"), ([""], "''"), (["  "], "'  '"), ([3], "modality name 3"), ([None], "None")],
)
def test_modality_names_are_nonempty_strings(names, message):
    with pytest.raises(DataError, match=message):
        check.check_modality_names(names)


def test_row_count_error_names_actual_and_expected():
    with pytest.raises(ShapeError, match=r"target has 4 rows, expected 7"):
        check.check_row_count("target", 4, 7)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ([True, False], [1, 0]),
        (np.array([[1, None]], dtype=object), [[1, np.nan]]),
        (torch.tensor([[1.5]]), [[1.5]]),
        (pd.DataFrame({"p": [1, 2], "q": [0.5, 1.5]}), [[1, 0.5], [2, 1.5]]),
    ],
)
def test_numeric_array_reads_numbers(values, expected):
    array = check.numeric_array("x", values)
    assert array.dtype.kind in "fiub"
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([["p", "q"]], "could not convert"),
        (np.array([[1j]]), "complex128"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
        ([10**400], "too large"),
        ([{}], "dict"),
        (torch.ones(2, requires_grad=True), "requires grad"),
        (torch.ones(2, dtype=torch.bfloat16), "BFloat16"),
        ([[1, 2], [3]], "inhomogeneous"),
    ],
)
def test_numeric_array_rejects_values_that_are_not_real_numbers(values, message):
    with pytest.raises(DataError, match=message) as caught:
        check.numeric_array("modality 'audio'", values)
    assert str(caught.value).startswith("modality 'audio' contains values that are not numbers")


@pytest.mark.parametrize(
    "availability",
    [
        [[True, False], [True, True]],
        np.array([[1, 0], [1, 1]]),
        np.array([[1.0, 0.0], [1.0, 1.0]]),
        {"text": [False, True], "audio": [True, True]},
        {"text": [0, 1]},
    ],
)
def test_availability_forms_agree(availability):
    names = ["audio", "text"]
    np.testing.assert_array_equal(check.check_availability(availability, names, 2), [[True, False], [True, True]])


@pytest.mark.parametrize(
    ("availability", "error", "message"),
    [
        (np.ones((3, 1)), ShapeError, r"\(3, 1\), expected \(2, 2\)"),
        ({"text": [1]}, ShapeError, r"'text' has shape \(1,\), expected \(2,\)"),
        ({"txt": [1, 1]}, UnknownNameError, "did you mean 'text'"),
        ({"text": [1, 2]}, DataError, "availability of 'text' contains values other than"),
        ({"text": [1, np.nan]}, DataError, "availability of 'text'"),
        ({"text": pd.array([True, pd.NA])}, DataError, "availability of 'text'"),
        ({"text": ["yes", "no"]}, DataError, "availability of 'text'"),
    ],
)
def test_bad_availability(availability, error, message):
    with pytest.raises(error, match=message):
        check.check_availability(availability, ["audio", "text"], 2)


@pytest.mark.parametrize("lengths", [[9, 0, 3], np.array([9.0, 0.0, 3.0]), np.array([9, 0, 3], dtype=np.uint8)])
def test_lengths_of_the_requested_rows(lengths):
    result = check.check_lengths("audio", lengths, 3, 4, np.array([1, 2]))
    np.testing.assert_array_equal(result, [0, 3])
    assert result.dtype == np.int64


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([1, 2], ShapeError, r"'audio' have shape \(2,\), expected \(3,\)"),
        ([[1, 2, 3]], ShapeError, r"shape \(1, 3\)"),
        ([1, 1, 5], ShapeError, "'audio' in row 2 is 5, expected 0 to 4"),
        ([1, -1, 2], ShapeError, "row 1 is -1"),
        ([1, 1, np.inf], ShapeError, "row 2 is inf"),
        ([1, 1.5, 2], DataError, "not whole"),
        ([1, np.nan, 2], DataError, "not whole"),
        (["1", "2", "3"], DataError, "not whole"),
    ],
)
def test_bad_lengths(lengths, error, message):
    with pytest.raises(error, match=message):
        check.check_lengths("audio", lengths, 3, 4, np.array([1, 2]))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e39, -4e38])
def test_error_names_sample_and_feature_of_values_beyond_float32(bad):
    values = np.array([[0.0, 1.0], [2.0, bad]])
    with pytest.raises(NonFiniteError, match=r"'audio', row 7, feature 1") as caught:
        check.check_observed_values("audio", values, np.array([3, 7]), "missing")
    assert str(bad) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_largest_float32_and_every_float_type_pass(dtype):
    largest = min(float(np.finfo(dtype).max), float(np.finfo(np.float32).max))
    values = np.array([[largest, -largest]], dtype=dtype)
    assert check.check_observed_values("audio", values, np.array([0]), "error").tolist() == [True]


def test_nan_in_an_observed_row():
    values, rows = np.array([[0.0, 1.0], [2.0, np.nan]]), np.array([4, 9])
    with pytest.raises(NonFiniteError, match=r"'audio', row 9, feature 1: NaN .*nan_rows='missing'"):
        check.check_observed_values("audio", values, rows, "error")
    assert check.check_observed_values("audio", values, rows, "missing").tolist() == [True, False]
    assert check.check_observed_values("audio", values, rows, "keep").tolist() == [True, True]


@pytest.mark.parametrize(
    ("labels", "codes", "classes"),
    [
        (["b", "a", "b"], [1, 0, 1], ["a", "b"]),
        ([5, -2, 5], [1, 0, 1], [-2, 5]),
        ([2.0, 1.0, 2.0], [1, 0, 1], [1, 2]),
        ([True, False, True], [1, 0, 1], [False, True]),
        ([[5], [3], [5]], [1, 0, 1], [3, 5]),
        (np.array(["b", "a", "b"], dtype=object), [1, 0, 1], ["a", "b"]),
        (np.array([np.int64(7), 3, 7], dtype=object), [1, 0, 1], [3, 7]),
        (pd.Series(["b", "a", "b"], index=[9, 8, 7]), [1, 0, 1], ["a", "b"]),
        (pd.Categorical(["b", "a", "b"]), [1, 0, 1], ["a", "b"]),
        (torch.tensor([4, 2, 4]), [1, 0, 1], [2, 4]),
    ],
)
def test_labels_become_codes_into_sorted_classes(labels, codes, classes):
    got, known = check.check_labels(labels, 3)
    assert got.tolist() == codes
    assert known.tolist() == classes


@pytest.mark.parametrize("as_type", [list, np.array, lambda names: np.array(names, dtype=object), pd.Series])
def test_given_classes_keep_their_order(as_type):
    codes, known = check.check_labels(["a", "b"], 2, as_type(["c", "b", "a"]))
    assert known.tolist() == ["c", "b", "a"]
    assert codes.tolist() == [2, 1]


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize("present", ["a", 1])
def test_error_names_row_of_missing_label(missing, present):
    with pytest.raises(TargetError, match=r"labels missing: row 1 has none \(2 in total\)"):
        check.check_labels([present, missing, present, missing], 4)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([1.0, np.nan]),
        pd.Series(["a", None]),
        pd.array([1, pd.NA], dtype="Int64"),
        pd.Categorical(["a", None]),
        np.array(["a", None], dtype=object),
    ],
)
def test_missing_labels_in_every_container(labels):
    with pytest.raises(TargetError, match="labels missing: row 1"):
        check.check_labels(labels, 2)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (None, None, "no target given"),
        ([1.5, 2.0], None, "fractional"),
        ([1.0, np.inf], None, "row 1 is infinite"),
        ([1.0, 1e300], None, "label 1e[+]300 is too large"),
        (["a", 1], None, r"mixed types \(int, str\)"),
        (np.array([1, "a"], dtype=object), None, r"mixed types \(int, str\)"),
        ([[1, 2], [3, 4]], None, r"shape \(2, 2\), expected 1 dim"),
        ([[1], [1, 2]], None, "ragged"),
        (["a", "z"], ["b", "a"], r"label 'z' in row 1 is not among the classes \['b', 'a'\]"),
        ([1, 2], ["1", "2"], "type int64, the classes of type <U1"),
        (["a", "b"], ["a", "b", "a"], "not unique"),
    ],
)
def test_bad_labels(labels, classes, message):
    with pytest.raises(TargetError, match=message):
        check.check_labels(labels, 2, classes)


def test_wrong_number_of_labels():
    with pytest.raises(ShapeError, match="target has 3 rows, expected 2"):
        check.check_labels([1, 2, 3], 2)


@pytest.mark.parametrize(
    ("target", "shape"), [([1, 2], (2,)), ([[1], [2]], (2,)), ([[1, 2], [3, 4]], (2, 2)), (["1", "2.5"], (2,))]
)
def test_regression_targets(target, shape):
    result = check.check_regression(target, 2)
    assert result.shape == shape
    assert result.dtype == np.float64


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (["a", "b"], "could not convert"),
        ([1j, 2], "complex128"),
        ([1.0, np.inf], "row 1 is infinite"),
        ([1.0, None], "row 1 has none"),
        ([[1, 2], [np.nan, 4]], "row 1 has none"),
        ([[1], [1, 2]], "ragged"),
        (np.zeros((2, 2, 2)), "shape"),
        (None, "no target given"),
    ],
)
def test_bad_regression_targets(target, message):
    with pytest.raises(TargetError, match=message):
        check.check_regression(target, 2)


@pytest.mark.parametrize("target", [[[0, 2], [1, 1]], [[0.5, 1], [1, 1]], np.zeros((2, 0)), [["0", "1"], ["1", "1"]]])
def test_multilabel_accepts_zeros_and_ones_only(target):
    with pytest.raises(TargetError, match="zeros and ones"):
        check.check_multilabel(target, 2)


@pytest.mark.parametrize(("target", "message"), [([0, 1], "expected 2 dim"), ([[0, np.nan], [1, 1]], "row 0 has none")])
def test_bad_multilabel(target, message):
    with pytest.raises(TargetError, match=message):
        check.check_multilabel(target, 2)


def test_sample_ids_default_to_row_numbers():
    assert check.check_sample_ids(None, 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (["p", "q", "p"], DataError, "sample id 'p' occurs 2 times, first in row 0"),
        ([3, 8, 8], DataError, "sample id 8 occurs 2 times, first in row 1"),
        ([1, 2], ShapeError, r"sample_ids have shape \(2,\), expected \(3,\)"),
        ([[1], [2], [3]], ShapeError, r"shape \(3, 1\)"),
        (["p", None, "q"], DataError, "sample_ids: row 1 has none"),
        ([1.0, 2.0, np.nan], DataError, "sample_ids: row 2 has none"),
        (np.array([1, "p", 2], dtype=object), DataError, "mixed types"),
    ],
)
def test_bad_sample_ids(ids, error, message):
    with pytest.raises(error, match=message):
        check.check_sample_ids(ids, 3)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([1, 2], ShapeError, r"groups have shape \(2,\)"),
        (["p", None, "q"], DataError, "groups: row 1 has none"),
        (["p", "q", np.nan], DataError, "groups: row 2 has none"),
    ],
)
def test_bad_groups(groups, error, message):
    with pytest.raises(error, match=message):
        check.check_groups(groups, 3)


@pytest.mark.parametrize(
    ("split", "error", "message"),
    [
        ([0, 1], ShapeError, r"split have shape \(2,\)"),
        ([0, 1, 3], DataError, "split of row 2 is 3, expected 0"),
        ([0, -1, 1], DataError, "split of row 1 is -1"),
        ([0, 0.5, 1], DataError, "split of row 1 is 0.5"),
        ([0, np.nan, 1], DataError, "row 1 has none"),
        (["train", "test", "test"], DataError, "split of row 0 is 'train'"),
    ],
)
def test_bad_split(split, error, message):
    with pytest.raises(error, match=message):
        check.check_split(split, 3)


def test_groups_and_split_may_be_absent():
    assert check.check_groups(None, 3) is None
    assert check.check_split(None, 3) is None


@pytest.mark.parametrize("rate", [-0.1, 1.0001, np.nan, np.inf, "0.5", None, 1j])
def test_missing_rate_outside_its_range(rate):
    with pytest.raises(MissingRateError, match=r"missing rate of 'text' is .*expected a number in \[0, 1\]"):
        check.check_missing_rates({"audio": 0.5, "text": rate})


def test_missing_rates_keep_their_order_and_become_floats():
    rates = check.check_missing_rates({"text": np.float32(0.5), "audio": 1, "video": 0})
    assert list(rates.items()) == [("text", 0.5), ("audio", 1.0), ("video", 0.0)]
    assert all(type(rate) is float for rate in rates.values())


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, None, "0"])
def test_bad_seed(seed):
    with pytest.raises(DataError, match="seed is"):
        check.check_seed(seed)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int64(5)])
def test_good_seed(seed):
    assert check.check_seed(seed) == seed
    assert type(check.check_seed(seed)) is int


def test_messages_list_at_most_fifty_known_names():
    known = [f"gene {number}" for number in range(20_000)]
    with pytest.raises(UnknownNameError, match=r"unknown feature 'blood'; known: gene 0, .* and 19950 more$") as caught:
        check.check_known("feature", ["blood"], known)
    assert len(str(caught.value)) < 1000
    assert len(caught.value.known) == 20_000
    with pytest.raises(UnknownNameError, match="did you mean 'gene 12345'"):
        check.check_known("feature", ["gene12345"], known)
