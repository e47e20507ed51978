import numpy as np
import pytest

from redcore.data import (
    MultimodalData,
    Target,
    assign_folds,
    classes_in_one_group,
    cross_folds,
    fold_rows,
    hold_out,
)
from redcore.exceptions import HoldOutWarning


def make(n_samples, target=None, groups=None):
    return MultimodalData.from_arrays({"a": np.arange(float(n_samples))}, target, groups=groups)


def assert_partition(keep, held, n_samples):
    assert np.array_equal(np.sort(np.concatenate([keep, held])), np.arange(n_samples))
    assert np.array_equal(keep, np.sort(keep))
    assert np.array_equal(held, np.sort(held))


@pytest.mark.parametrize(("n_samples", "fraction", "n_held"), [(10, 0.3, 3), (10, 0.01, 1), (3, 0.99, 2), (7, 0.5, 4)])
@pytest.mark.parametrize("target", [None, Target.from_numbers])
def test_sizes_of_an_unstratified_split(n_samples, fraction, n_held, target):
    data = make(n_samples, target and target(np.arange(n_samples)))
    keep, held = hold_out(data, fraction, 0)
    assert_partition(keep, held, n_samples)
    assert len(held) == n_held


@pytest.mark.parametrize(("n_samples", "fraction"), [(10, 0.0), (10, -0.5), (1, 0.5), (1, 0.0)])
def test_nothing_is_held_out(n_samples, fraction):
    keep, held = hold_out(make(n_samples), fraction, 0)
    assert keep.tolist() == list(range(n_samples))
    assert held.size == 0


@pytest.mark.parametrize("labels", [[0, 1], [0, 0]])
def test_one_of_two_samples_is_held_out(labels):
    keep, held = hold_out(make(2, Target.from_labels(labels)), 0.2, 0)
    assert_partition(keep, held, 2)
    assert len(held) == 1


def test_split_depends_on_the_seed_only():
    data = make(50, Target.from_labels(np.arange(50) % 2))
    draws = [tuple(hold_out(data, 0.4, seed)[1]) for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]


def test_global_random_state_is_not_used():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    hold_out(make(20, Target.from_labels(np.arange(20) % 2)), 0.3, 1)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("seed", range(5))
def test_split_is_stratified_by_class(seed):
    codes = np.repeat([0, 1, 2], [60, 30, 10])
    keep, held = hold_out(make(100, Target.from_labels(codes)), 0.2, seed)
    assert_partition(keep, held, 100)
    assert np.bincount(codes[held]).tolist() == [12, 6, 2]


@pytest.mark.parametrize("counts", [[9, 1], [8, 1, 1], [7, 1, 1, 1], [1, 1, 1], [1, 1]])
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
def test_classes_with_a_single_sample(counts, fraction):
    n_samples = sum(counts)
    labels = np.repeat(np.arange(len(counts)), counts)
    keep, held = hold_out(make(n_samples, Target.from_labels(labels)), fraction, 0)
    assert_partition(keep, held, n_samples)
    assert len(held) == min(max(1, round(fraction * n_samples)), n_samples - 1)


def test_more_classes_than_held_out_samples():
    keep, held = hold_out(make(20, Target.from_labels(np.arange(20) % 10)), 0.1, 0)
    assert_partition(keep, held, 20)
    assert len(held) == 2


def test_multilabel_targets_are_not_stratified():
    keep, held = hold_out(make(6, Target.from_multilabel(np.eye(6, 3))), 0.5, 0)
    assert_partition(keep, held, 6)
    assert len(held) == 3


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("names", [["p", "q", "r", "s"], [4, 3, 2, 1], ["p", "q"]])
def test_groups_are_never_split(seed, fraction, names):
    groups = np.resize(np.repeat(names, [5, 1, 2, 3][: len(names)]), 22)
    data = make(22, Target.from_labels(np.arange(22) % 2), groups)
    keep, held = hold_out(data, fraction, seed)
    assert_partition(keep, held, 22)
    assert not set(groups[keep]) & set(groups[held])
    n_groups = len(names)
    assert len(set(groups[held])) == min(max(1, round(fraction * n_groups)), n_groups - 1)


def test_single_group_falls_back_to_stratification():
    codes = np.arange(20) % 2
    keep, held = hold_out(make(20, Target.from_labels(codes), ["g"] * 20), 0.2, 0)
    assert_partition(keep, held, 20)
    assert np.bincount(codes[held]).tolist() == [2, 2]


def test_folds_keep_groups_whole():
    groups = np.repeat(np.arange(7), 3)
    folds = cross_folds(make(len(groups), groups=groups), 5, seed=1)
    assert len(np.unique(folds)) == 5
    for group in range(7):
        assert len(np.unique(folds[groups == group])) == 1


def test_folds_are_stratified_by_class():
    labels = np.repeat([0, 1, 2], [20, 5, 10])
    folds = cross_folds(make(35, Target.from_labels(labels)), 5, seed=0)
    for label, share in ((0, 4), (1, 1), (2, 2)):
        np.testing.assert_array_equal(np.bincount(folds[labels == label], minlength=5), share)
    assert not np.array_equal(folds, cross_folds(make(35, Target.from_labels(labels)), 5, seed=1))


def test_number_of_folds_is_limited_by_samples_and_groups():
    assert sorted(cross_folds(make(3, Target.from_labels([0, 1, 1])), 5, seed=0)) == [0, 1, 2]
    assert set(cross_folds(make(8, groups=np.arange(8) % 2), 5, seed=0)) == {0, 1}
    # a single group is ignored
    assert len(np.unique(cross_folds(make(8, groups=np.zeros(8)), 4, seed=0))) == 4


@pytest.mark.parametrize("seed", range(5))
def test_groups_of_one_class_each_are_stratified(seed):
    groups = np.repeat(np.arange(15), 4)
    codes = (groups % 3 == 0).astype(int)
    data = make(60, Target.from_labels(codes), groups)
    keep, held = hold_out(data, 0.2, seed)
    assert_partition(keep, held, 60)
    assert not set(groups[keep]) & set(groups[held])
    assert np.bincount(codes[held]).tolist() == [8, 4]
    folds = cross_folds(data, 5, seed)
    np.testing.assert_array_equal(np.bincount(folds[codes == 0]), 8)
    np.testing.assert_array_equal(np.bincount(folds[codes == 1]), 4)
    for group in range(15):
        assert len(np.unique(folds[groups == group])) == 1


def test_groups_with_equal_shares_of_all_classes_are_split_as_without_classes():
    groups = np.repeat(np.arange(15), 4)
    mixed = make(60, Target.from_labels(np.arange(60) % 2), groups)
    without = make(60, groups=groups)
    np.testing.assert_array_equal(cross_folds(mixed, 5, 3), cross_folds(without, 5, 3))
    np.testing.assert_array_equal(hold_out(mixed, 0.2, 3)[1], hold_out(without, 0.2, 3)[1])


@pytest.mark.parametrize("seed", range(20))
def test_a_group_of_two_classes_does_not_end_the_stratification(seed):
    codes = np.zeros(300, dtype=int)
    codes[[10, 60, 110, 160, 210, 260]] = 1
    groups = np.arange(300)
    groups[11] = 10
    data = make(300, Target.from_labels(codes), groups)
    keep, held = hold_out(data, 0.2, seed)
    assert_partition(keep, held, 300)
    assert not set(groups[keep]) & set(groups[held])
    assert codes[held].sum() == 1
    assert codes[cross_folds(data, 3, seed) == 0].sum() == 2


@pytest.mark.parametrize("seed", range(10))
def test_shares_of_mixed_groups_of_unequal_size_are_close_to_the_fraction(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60), rng.integers(1, 12, 60))
    codes = (rng.random(len(groups)) < rng.beta(0.4, 3, 60)[groups]).astype(int)
    data = make(len(groups), Target.from_labels(codes), groups)
    _, held = hold_out(data, 0.25, seed)
    shares = np.bincount(codes[held], minlength=2) / np.bincount(codes)
    np.testing.assert_allclose(shares, 0.25, atol=0.06)


def test_a_class_with_a_single_sample_does_not_end_the_stratification():
    codes = np.repeat([0, 1, 2], [79, 20, 1])
    for seed in range(10):
        _, held = hold_out(make(100, Target.from_labels(codes)), 0.2, seed)
        assert np.count_nonzero(codes[held] == 1) == 4


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize(("stratify", "is_stratified"), [("class", True), ("every class", False)])
def test_a_rare_class_ends_the_stratification_only_if_every_class_must_reach_all_folds(stratify, is_stratified):
    codes = np.repeat([0, 1, 2], [30, 30, 2])
    data = make(62, Target.from_labels(codes))
    folds = [cross_folds(data, 3, seed, stratify=stratify) for seed in range(5)]
    with_ten = [np.bincount(fold[codes == 0]).tolist() == [10, 10, 10] for fold in folds]
    assert all(with_ten) == is_stratified


@pytest.mark.parametrize("stratify", ["order", "class", "every class"])
def test_groups_are_in_one_fold_whatever_the_stratification(stratify):
    groups = np.arange(60) // 4
    data = make(60, Target.from_labels(np.arange(60) % 2), groups)
    folds = cross_folds(data, 5, 0, stratify=stratify)
    assert all(len(set(folds[groups == group])) == 1 for group in range(15))
    for keep, held in fold_rows(folds):
        assert_partition(keep, held, 60)
        assert held.size


def test_folds_without_a_seed_follow_the_order_of_the_samples():
    assert assign_folds(7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]
    groups = np.repeat([0, 1, 2], [4, 3, 2])
    assert assign_folds(9, 3, groups=groups).tolist() == groups.tolist()


ROW = np.arange(20)
UNCHANGED_DATA = {
    "no groups": (Target.from_labels(ROW % 3), None),
    "mixed groups": (Target.from_labels(ROW % 2), ROW // 4),
    "groups of one class": (Target.from_labels(ROW // 2 % 2), ROW // 2),
    "regression": (Target.from_numbers(ROW * 7 % 20 + 0.5), ROW % 5),
    "no target": (None, ROW % 6),
    "labels": (Target.from_multilabel(np.stack([ROW % 2, ROW % 3 == 0], axis=1)), ROW // 3),
}
UNCHANGED_SPLITS = {
    "no groups": (
        [0, 2, 7, 14, 15, 16],
        "11102201022210120001",
        "21101001000112210222",
        "21101001000112210222",
    ),
    "mixed groups": (
        [0, 1, 2, 3, 8, 9, 10, 11],
        "11110000111122220000",
        "00002222000022221111",
        "00002222000022221111",
    ),
    "groups of one class": (
        [0, 1, 10, 11, 12, 13],
        "11220022000011002211",
        "00000022110022112211",
        "00000022110022112211",
    ),
    "regression": (
        [0, 2, 5, 7, 10, 12, 15, 17],
        "10120101201012010120",
        "10021100211002110021",
        "10021100211002110021",
    ),
    "no target": (
        [2, 5, 8, 11, 14, 17],
        "10212010212010212010",
        "10021210021210021210",
        "10021210021210021210",
    ),
    "labels": (
        [6, 7, 8, 18, 19],
        "22200011111122200000",
        "11100000022211122200",
        "11100000022211122200",
    ),
}
"""Held-out rows of `hold_out`, and folds of `cross_folds` by stratification, as in earlier versions."""


@pytest.mark.parametrize("name", UNCHANGED_DATA)
def test_splits_of_classes_in_several_groups_are_those_of_earlier_versions(name):
    data = make(20, *UNCHANGED_DATA[name])
    held_out, *folds = UNCHANGED_SPLITS[name]
    assert hold_out(data, 0.3, 0)[1].tolist() == held_out
    for stratify, expected in zip(("order", "class", "every class"), folds, strict=True):
        assert "".join(map(str, cross_folds(data, 3, 1, stratify=stratify))) == expected
    assert not classes_in_one_group(data)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("mixed", [True, False])
def test_only_group_of_a_class_is_never_held_out(seed, mixed):
    labels = np.arange(60) % 4 if mixed else np.arange(60) // 5 % 3
    groups = np.where(labels == 2, 99, np.arange(60) // 10)
    data = make(60, Target.from_labels(labels), groups)
    keep, held = hold_out(data, 0.3, seed)
    assert_partition(keep, held, 60)
    assert held.size
    assert not set(groups[keep]) & set(groups[held])
    assert set(labels[keep]) == set(labels)
    for stratify in ("order", "class", "every class"):
        folds = cross_folds(data, 3, seed, stratify=stratify)
        assert (folds[groups == 99] == -1).all()
        for fold in range(3):
            assert set(labels[folds != fold]) == set(labels)
            assert (folds == fold).any()


@pytest.mark.parametrize("seed", range(20))
def test_no_class_is_held_out_with_all_its_groups(seed):
    groups = np.arange(24) // 3
    labels = np.where(groups < 2, np.arange(24) % 3 == 0, 0)
    data = make(24, Target.from_labels(labels), groups)
    keep, held = hold_out(data, 0.75, seed)
    assert 1 in labels[keep]
    assert held.size
    folds = cross_folds(data, 2, seed)
    assert all(1 in labels[folds != fold] for fold in (0, 1))


def test_number_of_held_out_groups_does_not_depend_on_the_only_groups():
    groups = np.arange(40) // 4
    data = make(40, Target.from_labels(np.where(groups == 3, 2, np.arange(40) % 2)), groups)
    for seed in range(10):
        assert len(set(groups[hold_out(data, 0.3, seed)[1]])) == 3


def test_nothing_is_held_out_if_every_group_is_the_only_one_of_a_class():
    data = make(20, Target.from_labels(np.resize(["ill", "well"], 20)), np.resize(["A", "B"], 20))
    text = "every group is the only group of a class: class 'ill' only in group 'A', class 'well' only in group 'B'"
    with pytest.warns(HoldOutWarning, match=text):
        keep, held = hold_out(data, 0.3, 0)
    assert len(keep) == 20
    assert not held.size
    with pytest.warns(HoldOutWarning, match=text):
        folds = cross_folds(data, 3, 0)
    assert (folds == -1).all()
    assert fold_rows(folds) == []


def test_the_only_group_that_may_be_held_out_is_one_fold():
    groups = np.repeat([0, 1, 2], 4)
    data = make(12, Target.from_labels([0, 0, 2, 2, 1, 1, 2, 2, 2, 2, 2, 2]), groups)
    for stratify in ("order", "class", "every class"):
        assert cross_folds(data, 3, 0, stratify=stratify).tolist() == [-1] * 8 + [0] * 4


def test_labels_of_a_multilabel_target_stay_in_training():
    groups = np.repeat(np.arange(5), 4)
    labels = np.stack([np.arange(20) % 2, groups == 3], axis=1).astype(int)
    data = make(20, Target.from_multilabel(labels, ["often", "once"]), groups)
    assert classes_in_one_group(data) == {"once": 3}
    for seed in range(10):
        keep, _ = hold_out(data, 0.4, seed)
        assert labels[keep].any(axis=0).all()
