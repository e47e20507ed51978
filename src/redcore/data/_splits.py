"""Grouped and stratified splits into training and held-out samples, and into folds."""

from typing import Literal

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from redcore._types import AnyArray, IntArray
from redcore.data._dataset import MultimodalData

__all__ = ["assign_folds", "count_units", "cross_folds", "fold_rows", "hold_out"]


def hold_out(data: MultimodalData, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Split the samples at random into samples to keep and held-out samples.

    If the data has two or more groups, whole groups are held out. The split is stratified by class if possible: classes
    with a single sample are pooled into one stratum, and groups are stratified only if all samples of every group have
    the same class.

    Parameters
    ----------
    data : MultimodalData
    fraction : float
        Fraction of the samples (or groups) to hold out, in [0, 1).
    seed : int

    Returns
    -------
    keep, held_out : int arrays
        Row numbers, ascending. `held_out` is empty if `fraction` is 0 or the data has fewer than two samples.
    """
    n_samples = data.n_samples
    rows = np.arange(n_samples)
    if fraction <= 0 or n_samples < 2:
        return rows, rows[:0]
    if data.groups is None or len(np.unique(data.groups)) < 2:
        keep, held = _random_split(_classes(data), n_samples, fraction, seed)
        return np.sort(keep), np.sort(held)
    names, group_of = np.unique(data.groups, return_inverse=True)
    _, held_groups = _random_split(_classes_of_groups(data, group_of), len(names), fraction, seed)
    is_held = np.isin(group_of, held_groups)
    return rows[~is_held], rows[is_held]


def cross_folds(
    data: MultimodalData, n_folds: int, seed: int, *, stratify: Literal["order", "class", "every class"] = "order"
) -> IntArray:
    """Assign the samples to folds of about equal size for cross-validation.

    All samples of a group are in one fold.

    Parameters
    ----------
    data : MultimodalData
    n_folds : int
        At least 2. Data with fewer samples or groups gets fewer folds.
    seed : int
    stratify : {"order", "class", "every class"}
        "order": samples are sorted by class or by a single regression target, at random within ties, and assigned to
        the folds in turn; groups too, if each has one class. A single group is ignored. "class": stratified by class if
        the most frequent class has at least `n_folds` samples. "every class": stratified by class if every class that
        occurs has at least `n_folds` samples. The last two use the splitters of scikit-learn.

    Returns
    -------
    int array (n_samples,)
        Fold of each sample, from 0.

    Examples
    --------
    >>> from redcore.data import Target
    >>> data = MultimodalData.from_arrays({"audio": np.zeros((6, 1))}, Target.from_labels(["no", "yes"] * 3))
    >>> folds = cross_folds(data, 3, seed=0)
    >>> sorted(folds[::2].tolist()), sorted(folds[1::2].tolist())
    ([0, 1, 2], [0, 1, 2])
    """
    if stratify == "order":
        return _folds_by_order(data, n_folds, np.random.default_rng(seed))
    n_folds, classes = min(n_folds, count_units(data)), _classes(data)
    if classes is not None:
        counts = np.bincount(classes)
        fewest = counts.max() if stratify == "class" else counts[counts > 0].min()
        classes = classes if fewest >= n_folds else None
    return assign_folds(data.n_samples, n_folds, seed, classes=classes, groups=data.groups)


def assign_folds(
    n_samples: int,
    n_folds: int,
    seed: int | None = None,
    *,
    classes: IntArray | None = None,
    groups: AnyArray | None = None,
) -> IntArray:
    """Assign samples to folds with the splitters of scikit-learn, stratified by class and with whole groups.

    Without a seed nothing is shuffled: samples without classes and groups are assigned to the folds in turn.

    Parameters
    ----------
    n_samples, n_folds : int
    seed : int, optional
    classes : int array (n_samples,), optional
        Class codes to stratify by.
    groups : array (n_samples,), optional

    Returns
    -------
    int array (n_samples,)
        Fold of each sample, from 0.

    Examples
    --------
    >>> assign_folds(5, 2).tolist()
    [0, 1, 0, 1, 0]
    """
    if seed is None and classes is None and groups is None:
        return _assign_in_turn(np.arange(n_samples), n_folds)
    splitter = {
        (False, False): KFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (True, True): StratifiedGroupKFold,
    }[classes is not None, groups is not None](n_folds, shuffle=seed is not None, random_state=seed)
    folds = np.empty(n_samples, dtype=np.int64)
    strata = np.zeros(n_samples) if classes is None else classes
    for fold, (_, held_out) in enumerate(splitter.split(strata[:, None], strata, groups)):
        folds[held_out] = fold
    return folds


def fold_rows(folds: IntArray) -> list[tuple[IntArray, IntArray]]:
    """Return the rows to keep and the rows to hold out for each fold, ascending.

    Examples
    --------
    >>> [held_out.tolist() for _, held_out in fold_rows(np.array([0, 1, 0]))]
    [[0, 2], [1]]
    """
    return [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(folds.max() + 1)]


def count_units(data: MultimodalData) -> int:
    """Return the number of groups, or of samples if the data has no groups."""
    return data.n_samples if data.groups is None else len(np.unique(data.groups))


def _folds_by_order(data: MultimodalData, n_folds: int, rng: np.random.Generator) -> IntArray:
    if data.groups is not None and len(np.unique(data.groups)) > 1:
        names, group_of = np.unique(data.groups, return_inverse=True)
        order = np.argsort(rng.permutation(len(names)))
        classes = _classes_of_groups(data, group_of)
        if classes is not None:
            order = order[np.argsort(classes[order], kind="stable")]
        return _assign_in_turn(order, n_folds)[group_of]
    order = rng.permutation(data.n_samples)
    target = data.target
    if target is not None and target.values.ndim == 1:
        # neighbours in this order have similar targets and go into different folds
        order = order[np.argsort(target.values[order], kind="stable")]
    return _assign_in_turn(order, n_folds)


def _assign_in_turn(order: IntArray, n_folds: int) -> IntArray:
    """Assign items to folds 0, 1, ..., 0, 1, ... in this order; return the fold of each item, (n_items,)."""
    folds = np.empty(len(order), dtype=np.int64)
    folds[order] = np.arange(len(order)) % min(n_folds, len(order))
    return folds


def _random_split(classes: IntArray | None, n: int, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Return the indices of n items to keep and to hold out, stratified by their classes if possible."""
    n_held = min(max(1, round(fraction * n)), n - 1)
    strata = None if classes is None else _strata(classes)
    possible = strata is not None and len(np.unique(strata)) <= min(n_held, n - n_held)
    splitter = (StratifiedShuffleSplit if possible else ShuffleSplit)(n_splits=1, test_size=n_held, random_state=seed)
    keep, held = next(splitter.split(np.arange(n), strata))
    return keep, held


def _classes(data: MultimodalData) -> IntArray | None:
    return data.target.values if data.target is not None and data.target.is_classification else None


def _classes_of_groups(data: MultimodalData, group_of: IntArray) -> IntArray | None:
    """Return the class of each group, or None if a group has samples of several classes."""
    codes = _classes(data)
    if codes is None:
        return None
    of_group = np.zeros(group_of.max() + 1, dtype=np.int64)
    of_group[group_of] = codes
    return of_group if (of_group[group_of] == codes).all() else None


def _strata(codes: IntArray) -> IntArray | None:
    """Return class codes with single-sample classes pooled into one, or None if only one class has a single sample."""
    counts = np.bincount(codes)
    strata = np.where(counts[codes] < 2, -1, codes)
    return None if np.count_nonzero(strata == -1) == 1 else strata
