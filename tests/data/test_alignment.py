"""Samples of pandas objects are matched by label, and those of other values by position."""

import numpy as np
import pandas as pd
import pytest

from redcore.data import MultimodalData, Target
from redcore.exceptions import AlignmentWarning, DataError, ShapeError

RNA = pd.DataFrame({"g": [1.0, 2.0, 3.0]}, index=["anna", "ben", "carl"])
BLOOD = pd.DataFrame({"b": [30.0, 10.0, 40.0]}, index=["carl", "anna", "dora"])


def make(rna=RNA, blood=BLOOD, **options):
    return MultimodalData.from_arrays({"rna": rna, "blood": blood}, **options)


def values(data, name):
    """Return the first feature of each sample, None if the modality is missing."""
    modality = data.modalities[name]
    return [None if place < 0 else float(modality.values[place, 0]) for place in modality.position]


def test_the_samples_are_the_union_in_the_order_of_first_appearance():
    data = make()
    assert data.sample_ids.tolist() == ["anna", "ben", "carl", "dora"]
    assert values(data, "rna") == [1, 2, 3, None]
    assert values(data, "blood") == [10, None, 30, 40]


def test_the_order_of_rows_has_no_effect_on_pairs():
    data = make(blood=BLOOD.iloc[::-1])
    assert data.checksum() == make().checksum()


def test_series_are_aligned_too():
    assert values(make(blood=BLOOD["b"]), "blood") == [10, None, 30, 40]


def test_default_indexes_match_by_position():
    data = make(RNA.reset_index(drop=True), BLOOD.reset_index(drop=True))
    assert values(data, "blood") == [30, 10, 40]
    assert data.sample_ids.tolist() == [0, 1, 2]
    with pytest.raises(ShapeError, match="modality 'blood' has 2 rows, expected 3"):
        make(RNA.reset_index(drop=True), BLOOD.reset_index(drop=True).iloc[:2])


def test_a_shuffled_default_index_is_a_label():
    shuffled = RNA.reset_index(drop=True).iloc[[2, 0, 1]]
    data = make(RNA.reset_index(drop=True), shuffled)
    assert values(data, "rna") == values(data, "blood") == [1, 2, 3]


def test_arrays_are_matched_by_position_if_the_frames_agree():
    data = MultimodalData.from_arrays({"rna": RNA, "more": RNA * 2, "array": [[7.0], [8.0], [9.0]]})
    assert values(data, "array") == [7, 8, 9]
    assert data.sample_ids.tolist() == ["anna", "ben", "carl"]
    with pytest.raises(ShapeError, match="modality 'array' has 2 rows, expected 3"):
        MultimodalData.from_arrays({"rna": RNA, "array": np.ones((2, 1))})


@pytest.mark.parametrize(
    "options",
    [
        {"availability": np.ones((4, 2))},
        {"groups": list("abcd")},
        {"target": Target.from_labels([0, 1, 0, 1])},
        {"sample_ids": list("abcd")},
        {"split": [0, 0, 1, 1]},
    ],
)
def test_arrays_are_rejected_if_the_frames_differ(options):
    with pytest.raises(DataError, match="has no labels, but the modalities do not have the same labels"):
        make(**options)


def test_an_array_modality_is_rejected_if_the_frames_differ():
    with pytest.raises(DataError, match="modality 'array' has no labels, but modalities 'rna' and 'blood' do not have"):
        MultimodalData.from_arrays({"rna": RNA, "blood": BLOOD, "array": np.ones((3, 1))})


def test_modalities_without_common_labels_are_an_error():
    other = BLOOD.set_axis(["x", "y", "z"], axis=0)
    with pytest.raises(DataError, match=r"'rna' shares no label .*: 0 of its 3 labels \('anna', 'ben', 'carl'\)"):
        make(blood=other)
    with pytest.raises(DataError, match=r"'blood' has the default index 0, 1, 2, .*pass arrays without labels"):
        make(blood=BLOOD.reset_index(drop=True))


def test_duplicates_are_named():
    with pytest.raises(DataError, match=r"modality 'blood': label 'anna' occurs in rows 0 and 2 \(1 duplicates"):
        make(blood=BLOOD.set_axis(["anna", "ben", "anna"], axis=0))


def test_missing_labels_are_named():
    with pytest.raises(DataError, match="modality 'blood': row 1 has no label"):
        make(blood=BLOOD.set_axis(["anna", None, "ben"], axis=0))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["01", "02", "03"], ["1", "2", "3"]),
        ([1, 2, 3], ["1", "2", "3"]),
        (["P01 ", "P02", "P03"], ["p1", "p2", "p3"]),
        (["TCGA.A1", "TCGA.A2", "TCGA.A3"], ["TCGA-A1", "TCGA-A2", "TCGA-A3"]),
    ],
)
def test_ids_of_another_form_are_reported(left, right):
    with pytest.raises(DataError, match="3 of them differ only in form, such as"):
        make(RNA.set_axis(left, axis=0), BLOOD.set_axis(right, axis=0))
    with pytest.warns(AlignmentWarning, match="3 labels of different modalities differ only in form"):
        make(
            pd.concat([RNA.set_axis([str(label) for label in left], axis=0), RNA.iloc[:1]]),
            pd.concat([BLOOD.set_axis([f" {label}" for label in right], axis=0), BLOOD.iloc[1:2]]),
        )


def test_both_forms_in_one_modality_are_different_samples():
    data = make(RNA.set_axis(["1", "01", "2"], axis=0), BLOOD.set_axis(["1", "2", "3"], axis=0))
    assert data.sample_ids.tolist() == ["1", "01", "2", "3"]


def test_whole_floats_equal_integers():
    data = make(RNA.set_axis([1.0, 2.0, 3.0], axis=0), BLOOD.set_axis([3, 1, 4], axis=0))
    assert data.sample_ids.tolist() == [1, 2, 3, 4]


def test_labels_beyond_64_bits_are_text():
    large = [2**63 + 1, 2**64 - 1]
    data = make(
        rna=RNA[:2].set_index(np.array(large, dtype=np.uint64)),
        blood=BLOOD.set_axis(pd.Index([*large, 10**400], dtype=object)),
    )
    assert data.sample_ids.tolist() == [str(label) for label in (*large, 10**400)]
    assert values(data, "blood") == [30, 10, 40]


def test_labels_that_are_not_valid_unicode():
    left, right = (pd.Index(labels, dtype=object) for labels in (["p\udcff", "q", "r"], ["r", "p\udcff", "s"]))
    data = make(RNA.set_index(left), BLOOD.set_index(right))
    assert data.sample_ids.tolist() == ["p\udcff", "q", "r", "s"]
    assert values(data, "blood") == [10, None, 30, 40]


def test_reordered_values_are_a_copy():
    rna, blood = RNA.astype(np.float32), BLOOD.astype(np.float32)
    data = make(rna, blood)
    rna.iloc[:] = blood.iloc[:] = -1
    assert values(data, "rna") == [1, 2, 3, None]
    assert values(data, "blood") == [10, None, 30, 40]


def test_multi_index_and_dates_are_labels():
    visits = pd.MultiIndex.from_tuples([("anna", 1), ("anna", 2), ("ben", 1)])
    data = make(RNA.set_axis(visits, axis=0), BLOOD.set_axis(visits[[2, 0, 1]], axis=0))
    assert values(data, "blood") == [10, 40, 30]
    days = pd.date_range("2020-01-01", periods=3)
    assert values(make(RNA.set_axis(days, axis=0), BLOOD.set_axis(days[[2, 0, 1]], axis=0)), "blood") == [10, 40, 30]


def test_an_availability_frame_is_matched_by_label_and_column():
    mask = pd.DataFrame(
        {"blood": [True, False, True, True], "rna": [True, True, False, True]}, index=["dora", "anna", "ben", "carl"]
    )
    data = make(availability=mask)
    assert values(data, "rna") == [1, None, 3, None]
    assert values(data, "blood") == [None, None, 30, 40]
    assert make(availability=mask[["rna", "blood"]]).checksum() == data.checksum()
    assert values(make(availability={"rna": mask["rna"]}), "rna") == [1, None, 3, None]
    with pytest.raises(DataError, match="1 of 4 samples have no row in availability"):
        make(availability=mask.iloc[1:])
    with pytest.raises(ValueError, match="unknown modality 'lipids'"):
        make(availability=mask.rename(columns={"rna": "lipids"}))


def test_values_without_availability_are_never_read():
    spoilt = BLOOD.replace(10.0, np.inf)
    mask = pd.DataFrame({"blood": [True, False, True, True]}, index=["dora", "anna", "ben", "carl"])
    assert values(make(blood=spoilt, availability=mask), "blood") == [None, None, 30, 40]


def test_hide_takes_the_columns_of_a_frame_by_name():
    mask = pd.DataFrame({"rna": [1, 0, 1], "blood": [1, 1, 0]}, index=RNA.index)
    data = make(RNA, RNA * 2).hide(mask.iloc[[2, 0, 1]])
    with pytest.raises(DataError, match="availability has the default index"):
        make(RNA, RNA * 2).hide(mask.reset_index(drop=True))
    assert values(data, "rna") == [1, None, 3]
    assert values(data, "blood") == [2, 4, None]


def test_groups_and_split_are_aligned():
    labels = ["dora", "carl", "ben", "anna"]
    data = make(groups=pd.Series(list("dcba"), index=labels), split=pd.Series([2, 1, 0, 0], index=labels))
    assert data.groups.tolist() == list("abcd")
    assert data.split.tolist() == [0, 0, 1, 2]


def test_an_error_names_the_row_of_the_frame():
    with pytest.raises(DataError, match="modality 'blood', row 2, column 'b': inf"):
        make(blood=BLOOD.replace(40.0, np.inf))


def test_a_modality_without_rows_is_missing_in_all_samples():
    data = MultimodalData.from_arrays({"none": RNA.iloc[:0], "rna": RNA, "blood": BLOOD})
    assert data.sample_ids.tolist() == ["anna", "ben", "carl", "dora"]
    assert values(data, "none") == [None] * 4


def test_labels_that_are_not_utf8_are_matched():
    labels = pd.Index(["file-\udce9", "other"], dtype=object)
    data = make(RNA.iloc[:2].set_axis(labels), BLOOD.iloc[:2].set_axis(labels[::-1]))
    assert data.sample_ids.tolist() == labels.tolist()
    assert values(data, "blood") == [10, 30]
