import numpy as np
import pandas as pd
import pytest
import torch

from redcore.data import Modality
from redcore.exceptions import DataError, NonFiniteError, ShapeError, UnknownNameError

NAN = np.nan


def pack(values, **options):
    return Modality.from_values("audio", values, **options)


def assert_same(left, right):
    assert left.values.dtype == right.values.dtype == np.float32
    assert left.values.shape == right.values.shape
    assert left.values.tobytes() == right.values.tobytes()
    np.testing.assert_array_equal(left.position, right.position)
    assert left.is_sequence == right.is_sequence
    if left.is_sequence:
        np.testing.assert_array_equal(left.offsets, right.offsets)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1, 2], [3, 4]], dtype=np.int16),
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 2], [3, 4]], dtype=np.longdouble),
        np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1, 9, 2], [3, 9, 4]])[:, ::2],
        np.array([[1, 2], [3, 4]], dtype=object),
        torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        pd.DataFrame({"p": [1.0, 3.0], "q": [2, 4]}, index=["u", "v"]),
        [[1, 2], [3, 4]],
        [np.array([1.0, 2.0]), (3, 4)],
        ((1, 2), (3, 4)),
        [torch.tensor([1.0, 2.0]), pd.Series([3, 4])],
    ],
)
def test_vector_forms_agree(values):
    modality = pack(values)
    np.testing.assert_array_equal(modality.values, [[1, 2], [3, 4]])
    assert modality.values.dtype == np.float32
    assert modality.values.flags.c_contiguous
    assert modality.position.tolist() == [0, 1]
    assert (modality.n_samples, modality.n_features, modality.n_observed) == (2, 2, 2)
    assert not modality.is_sequence
    assert modality.lengths is None


@pytest.mark.parametrize(
    "values",
    [np.array([5.0, 7.0]), [5, 7], [np.float32(5), 7.0], pd.Series([5, 7], index=[3, 4]), torch.tensor([5, 7])],
)
def test_one_dimension_is_one_feature(values):
    np.testing.assert_array_equal(pack(values).values, [[5], [7]])


def test_booleans_are_zero_and_one():
    np.testing.assert_array_equal(pack(np.array([[True, False]])).values, [[1, 0]])


SEQUENCES = [np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), None, np.array([[7.0, 8.0]])]
PADDED = np.full((3, 4, 2), NAN)
PADDED[0, :3], PADDED[2, :1] = SEQUENCES[0], SEQUENCES[2]


@pytest.mark.parametrize(
    ("values", "lengths"),
    [
        (SEQUENCES, None),
        ([entry if entry is None else entry.tolist() for entry in SEQUENCES], None),
        ([SEQUENCES[0], np.empty((0, 2)), torch.tensor([[7.0, 8.0]])], None),
        (np.array(SEQUENCES, dtype=object), None),
        (PADDED, None),
        (torch.tensor(PADDED), None),
        (PADDED, [3, 0, 1]),
        (np.nan_to_num(PADDED), [3, 0, 1]),
        (np.nan_to_num(PADDED, nan=1e300), np.array([3.0, 0.0, 1.0])),
        (np.nan_to_num(PADDED).astype(int), [3, 0, 1]),
        (PADDED, [3, 4, 1]),
    ],
)
def test_sequence_forms_agree(values, lengths):
    modality = pack(values, lengths=lengths)
    np.testing.assert_array_equal(modality.values, [[1, 2], [3, 4], [5, 6], [7, 8]])
    assert modality.values.dtype == np.float32
    assert modality.position.tolist() == [0, -1, 1]
    assert modality.offsets.tolist() == [0, 3, 4]
    assert modality.lengths.tolist() == [3, 1]
    assert modality.is_sequence


def test_equal_length_sequences_in_a_list_stay_sequences():
    modality = pack([np.ones((2, 3)), np.zeros((2, 3))])
    assert modality.is_sequence
    assert modality.lengths.tolist() == [2, 2]


def test_integers_without_lengths_use_the_whole_time_axis():
    assert pack(np.ones((2, 3, 1), dtype=int)).lengths.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([[1, 2], None, [3, 4]], {}),
        ([[1, 2], [NAN, NAN], [3, 4]], {}),
        ([[1, 2], [], [3, 4]], {}),
        ([[1, 2], NAN, [3, 4]], {}),
        (np.array([[1, 2], [NAN, NAN], [3, 4]]), {}),
        (np.array([[1, 2], [None, None], [3, 4]], dtype=object), {}),
        (pd.DataFrame([[1, 2], [None, None], [3, 4]]), {}),
        (np.array([[1, 2], [9, 9], [3, 4]]), {"observed": np.array([True, False, True])}),
        (np.array([[1, 2], [NAN, 9], [3, 4]]), {"observed": np.array([True, False, True])}),
        (np.array([[1, 2], [np.inf, 1e30], [3, 4]]), {"observed": np.array([True, False, True])}),
        ([[1, 2], [1, 2, 3], [3, 4]], {"observed": np.array([True, False, True])}),
        ([[1, 2], ["p", 1j], [3, 4]], {"observed": np.array([True, False, True])}),
        (np.array([[1, 2], [NAN, 9], [3, 4]]), {"nan_rows": "missing"}),
        ([[1, 2], [NAN, 9], [3, 4]], {"nan_rows": "missing"}),
    ],
)
def test_all_encodings_of_missing_are_equivalent(values, options):
    modality = pack(values, **options)
    assert_same(modality, pack([[1, 2], None, [3, 4]]))
    assert modality.availability.tolist() == [True, False, True]
    assert modality.position.tolist() == [0, -1, 1]
    np.testing.assert_array_equal(modality.values, [[1, 2], [3, 4]])


@pytest.mark.parametrize("junk", [NAN, np.inf, -np.inf, 1e30, 1e300])
def test_values_that_are_not_observed_are_ignored(junk):
    rng = np.random.default_rng(0)
    observed = np.array([True, False, True, True, False])
    vectors = rng.normal(size=(5, 3))
    sequences, lengths = rng.normal(size=(5, 4, 2)), np.array([4, 2, 0, 3, 1])
    spoiled_vectors, spoiled_sequences = vectors.copy(), sequences.copy()
    spoiled_vectors[~observed] = junk
    spoiled_sequences[~observed] = junk
    spoiled_sequences[np.arange(4) >= lengths[:, None]] = junk
    assert_same(pack(spoiled_vectors, observed=observed), pack(vectors, observed=observed))
    assert_same(
        pack(spoiled_sequences, observed=observed, lengths=lengths),
        pack(sequences, observed=observed, lengths=lengths),
    )
    packed = pack(sequences, observed=observed, lengths=lengths)
    assert packed.availability.tolist() == [True, False, False, True, False]


def test_nan_steps_within_a_sequence_are_missing_cells():
    values = np.array([[[1.0], [NAN], [2.0]], [[3.0], [4.0], [NAN]]])
    kept = pack(values)
    np.testing.assert_array_equal(kept.values, [[1], [NAN], [2], [3], [4]])
    assert kept.lengths.tolist() == [3, 2]
    assert kept.incomplete().tolist() == [True, False]
    assert_same(pack(values, nan_rows="missing"), pack([None, [[3.0], [4.0]]]))
    with pytest.raises(NonFiniteError, match="'audio', row 0, feature 0: NaN"):
        pack(values, nan_rows="error")


def test_leading_nan_steps_are_not_padding():
    assert pack(np.array([[[NAN], [1.0]]])).lengths.tolist() == [2]
    with pytest.raises(NonFiniteError, match="row 0"):
        pack(np.array([[[NAN], [1.0]]]), nan_rows="error")


@pytest.mark.parametrize("values", [np.array([[1, 2], [NAN, 9], [NAN, NAN]]), [[1, 2], [NAN, 9], None]])
def test_missing_cells_of_an_observed_row_stay(values):
    modality = pack(values)
    np.testing.assert_array_equal(modality.values, [[1, 2], [NAN, 9]])
    assert modality.availability.tolist() == [True, True, False]
    assert modality.has_missing_cells
    assert modality.incomplete().tolist() == [False, True, False]
    assert not pack([[1.0, 2.0]]).has_missing_cells


@pytest.mark.parametrize(
    "values",
    [np.full((2, 3), NAN), np.full((2, 4, 3), NAN), [None, None], np.zeros((2, 0, 3)), [np.empty((0, 3))] * 2],
)
def test_modality_missing_in_all_samples(values):
    modality = pack(values)
    assert modality.n_samples == 2
    assert modality.n_observed == 0
    assert modality.values.size == 0
    assert not modality.availability.any()
    assert modality.gather(np.array([0, 1])).rows.size == 0


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        (np.array([[1.0, 2.0], [3.0, NAN]]), {"nan_rows": "error"}, NonFiniteError, "row 1, feature 1: NaN"),
        ([[1, 2], None, [NAN, 4]], {"nan_rows": "error"}, NonFiniteError, "row 2, feature 0: NaN"),
        (np.array([[1.0, 2.0], [np.inf, 0.0]]), {}, NonFiniteError, "row 1, feature 0: inf"),
        (np.array([[1.0, 2.0], [np.inf, 0.0]]), {"nan_rows": "missing"}, NonFiniteError, "row 1, feature 0: inf"),
        (np.array([[1.0, 1e39]]), {}, NonFiniteError, "row 0, feature 1: 1e\\+39"),
        (np.array([[1.0, np.inf]], dtype=np.float16), {}, NonFiniteError, "row 0, feature 1"),
        ([None, [[1.0], [np.inf]]], {}, NonFiniteError, "row 1, feature 0"),
        ([[1, 2], None, [3]], {}, ShapeError, r"row 2: shape \(1,\) does not match shape \(2,\) of row 0"),
        ([np.ones((4, 2)), np.ones((2, 3))], {}, ShapeError, r"row 1: shape \(2, 3\).* \(4, 2\) of row 0"),
        ([[1, 2], [[1, 2]]], {}, ShapeError, "row 1"),
        ([np.ones((1, 2, 2, 2)), None], {}, ShapeError, "row 0"),
        (np.ones((2, 3, 4, 5, 6)), {}, ShapeError, r"\(2, 3, 4, 5, 6\), expected \(n_samples, n_features\)"),
        (np.ones((2, 0)), {}, ShapeError, r"\(2, 0\)"),
        (np.ones((2, 3, 0)), {}, ShapeError, r"\(2, 3, 0\)"),
        ([["p", "q"], ["r", "s"]], {}, DataError, "row 0 contains values that are not numbers"),
        ([[1, 2], ["r", "s"]], {}, DataError, "row 1 contains values that are not numbers"),
        (np.array([["p"]]), {}, DataError, "not numbers"),
        (np.ones((2, 2)) * 1j, {}, DataError, "complex"),
        ([[1j, 2], [3, 4]], {}, DataError, "row 0 .*complex"),
        ([np.array([1, 2]), np.array([1j, 2])], {}, DataError, "row 1 .*complex"),
        ([[10**400]], {}, DataError, "row 0 .*too large"),
        (np.ones((2, 3, 1)), {"lengths": [1, 4]}, ShapeError, "row 1 is 4, expected 0 to 3"),
        (np.ones((2, 3, 1)), {"lengths": [1]}, ShapeError, r"lengths of 'audio' have shape \(1,\)"),
        (np.ones((2, 3)), {"lengths": [1, 1]}, ShapeError, "has lengths but"),
        ([np.ones((2, 1))], {"lengths": [2]}, ShapeError, "lengths need a"),
        (np.array([[[1.0], [NAN]]]), {"lengths": [2], "nan_rows": "error"}, NonFiniteError, "row 0"),
    ],
)
def test_error_names_modality_and_row_of_bad_values(values, options, error, message):
    with pytest.raises(error, match=message) as caught:
        pack(values, **options)
    assert "'audio'" in str(caught.value)


def test_error_names_row_of_bad_length():
    observed = np.array([False, True, True])
    with pytest.raises(ShapeError, match="in row 2 is 9"):
        pack(np.ones((3, 2, 1)), lengths=[7, 1, 9], observed=observed)


def test_unknown_nan_policy():
    with pytest.raises(UnknownNameError, match="nan_rows 'drop'; known: error, keep, missing"):
        pack([[1.0]], nan_rows="drop")


@pytest.mark.parametrize(
    "source",
    [np.ones((2, 3), dtype=np.float32), np.ones((2, 3)), np.ones((2, 2, 3), dtype=np.float32), torch.ones(2, 3)],
)
def test_source_is_neither_modified_nor_shared(source):
    modality = pack(source)
    source[:] = 5
    assert (modality.values == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        modality.values[0, 0] = 3
    source[:] = 6


def test_gather_copies_and_pads_to_the_longest_of_the_selection():
    modality = pack([[[1.0], [2.0], [3.0]], None, [[4.0]], [[5.0], [6.0]]])
    observed = modality.gather(np.array([3, 1, 2]))
    assert observed.rows.tolist() == [0, 2]
    assert observed.lengths.tolist() == [2, 1]
    assert observed.values.tolist() == [[[5], [6]], [[4], [0]]]
    observed.values[:] = 9
    assert modality.values.ravel().tolist() == [1, 2, 3, 4, 5, 6]


def test_gather_vectors():
    observed = pack([[1.0, 2.0], None, [3.0, 4.0]]).gather(np.array([2, 1, 0, 2]))
    assert observed.rows.tolist() == [0, 2, 3]
    assert observed.values.tolist() == [[3, 4], [1, 2], [3, 4]]
    assert observed.lengths is None


def test_take_repeats_and_reorders():
    taken = pack([[[1.0], [2.0]], None, [[3.0]]]).take(np.array([2, 1, 0, 2]))
    assert taken.position.tolist() == [0, -1, 1, 2]
    assert taken.values.ravel().tolist() == [3, 1, 2, 3]
    assert taken.lengths.tolist() == [1, 2, 1]


def test_hide_does_not_restore_missing_samples():
    modality = pack([[1.0], None, [2.0]])
    hidden = modality.hide(np.array([False, True, True]))
    assert hidden.availability.tolist() == [False, False, True]
    assert hidden.values.tolist() == [[2]]
    assert modality.availability.tolist() == [True, False, True]


def test_modality_without_observations():
    modality = Modality.nothing(3)
    assert (modality.n_samples, modality.n_features, modality.n_observed) == (3, 0, 0)
    assert modality.take(np.array([0, 2])).n_samples == 2
    assert modality.hide(np.zeros(3, dtype=bool)).n_samples == 3


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda array: np.repeat(array, 2, 0)[::2]])
def test_rows_are_reordered_and_repeated_from_any_layout_in_memory(layout, monkeypatch):
    monkeypatch.setattr("redcore.data._modality.ROWS_AT_ONCE", 3)
    values = np.random.default_rng(0).random((10, 4), dtype=np.float32)
    rows = np.array([7, 0, -1, 9, 3, 3, -1, 0, 8, 1, 2])
    result = Modality.from_values("audio", layout(values), copy=False).reindex(rows)
    assert result.values.flags.c_contiguous
    np.testing.assert_array_equal(result.availability, rows >= 0)
    np.testing.assert_array_equal(result.values, values[rows[rows >= 0]])
