"""Hold samples out: by group where there are groups, by class where there are classes."""

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from redcore._types import IntArray
from redcore.data._dataset import MultimodalData

__all__ = ["cross_folds", "hold_out"]


def hold_out(data: MultimodalData, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Draw the rows to keep and the rows to hold out.

    Whole groups are held out if the data has at least two. The draw is stratified by class, as far as the classes have
    two members each; that of groups only if every group is of one class. Else it is a plain one.

    Parameters
    ----------
    data : MultimodalData
    fraction : float
        Share of the samples (or groups) to hold out, in [0, 1).
    seed : int

    Returns
    -------
    keep, held_out : int arrays
        Ascending row numbers. `held_out` is empty if `fraction` is 0 or there are under two samples.
    """
    n_samples = data.n_samples
    rows = np.arange(n_samples)
    if fraction <= 0 or n_samples < 2:
        return rows, rows[:0]
    if data.groups is None or len(np.unique(data.groups)) < 2:
        keep, held = _drawn(_classes(data), n_samples, fraction, seed)
        return np.sort(keep), np.sort(held)
    names, group_of = np.unique(data.groups, return_inverse=True)
    _, held_groups = _drawn(_classes_of_groups(data, group_of), len(names), fraction, seed)
    is_held = np.isin(group_of, held_groups)
    return rows[~is_held], rows[is_held]


def cross_folds(data: MultimodalData, n_folds: int, seed: int) -> IntArray:
    """Divide the samples into folds of about equal size.

    Whole groups go into one fold if the data has at least two; if each is of one class, the classes are spread over all
    folds. Without groups the classes, or the range of a numeric target, are.

    Parameters
    ----------
    data : MultimodalData
    n_folds : int
        At least 2; fewer are made where there are not as many samples or groups.
    seed : int

    Returns
    -------
    int array (n_samples,)
        The fold of each sample, from 0.

    Examples
    --------
    >>> from redcore.data import Target
    >>> data = MultimodalData.from_arrays({"audio": np.zeros((6, 1))}, Target.from_labels(["no", "yes"] * 3))
    >>> folds = cross_folds(data, 3, seed=0)
    >>> sorted(folds[::2].tolist()), sorted(folds[1::2].tolist())
    ([0, 1, 2], [0, 1, 2])
    """
    rng = np.random.default_rng(seed)
    if data.groups is not None and len(np.unique(data.groups)) > 1:
        names, group_of = np.unique(data.groups, return_inverse=True)
        turn = np.argsort(rng.permutation(len(names)))
        classes = _classes_of_groups(data, group_of)
        return _dealt(turn if classes is None else turn[np.argsort(classes[turn], kind="stable")], n_folds)[group_of]
    order = rng.permutation(data.n_samples)
    target = data.target
    if target is not None and target.values.ndim == 1:
        # neighbours in this order are alike, and go into different folds
        order = order[np.argsort(target.values[order], kind="stable")]
    return _dealt(order, n_folds)


def _dealt(order: IntArray, n_folds: int) -> IntArray:
    """Return the fold of each of n things that are dealt out in this order, (n,)."""
    folds = np.empty(len(order), dtype=np.int64)
    folds[order] = np.arange(len(order)) % min(n_folds, len(order))
    return folds


def _drawn(classes: IntArray | None, n: int, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Draw which of n things to keep and which to hold out, stratified by their classes where that is possible."""
    n_held = min(max(1, round(fraction * n)), n - 1)
    strata = None if classes is None else _strata(classes)
    possible = strata is not None and len(np.unique(strata)) <= min(n_held, n - n_held)
    splitter = (StratifiedShuffleSplit if possible else ShuffleSplit)(n_splits=1, test_size=n_held, random_state=seed)
    keep, held = next(splitter.split(np.arange(n), strata))
    return keep, held


def _classes(data: MultimodalData) -> IntArray | None:
    return data.target.values if data.target is not None and data.target.is_classification else None


def _classes_of_groups(data: MultimodalData, group_of: IntArray) -> IntArray | None:
    """Return the class of each group, or None unless every group is of one: a diagnosis, of several visits."""
    codes = _classes(data)
    if codes is None:
        return None
    of_group = np.zeros(group_of.max() + 1, dtype=np.int64)
    of_group[group_of] = codes
    return of_group if (of_group[group_of] == codes).all() else None


def _strata(codes: IntArray) -> IntArray | None:
    """Return class codes with classes of one member put together, or None if that is not possible."""
    counts = np.bincount(codes)
    strata = np.where(counts[codes] < 2, -1, codes)
    return None if np.count_nonzero(strata == -1) == 1 else strata
