"""Hold samples out: by group where there are groups, by class where there are classes."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from redcore._types import AnyArray, IntArray
from redcore.data._multimodal import MultimodalData

__all__ = ["cross_folds", "hold_out"]


def hold_out(data: MultimodalData, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Draw the rows to keep and the rows to hold out.

    Whole groups are held out if the data has at least two; else the draw is stratified by class, as far as
    the classes have two members each; else it is a plain one.

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
    n_held = min(max(1, round(fraction * n_samples)), n_samples - 1)
    if data.groups is not None and len(np.unique(data.groups)) > 1:
        splitter = GroupShuffleSplit(n_splits=1, test_size=_group_count(data.groups, fraction), random_state=seed)
        keep, held = next(splitter.split(rows, groups=data.groups))
    elif (strata := _strata(data)) is not None and len(np.unique(strata)) <= min(n_held, n_samples - n_held):
        splitter = StratifiedShuffleSplit(n_splits=1, test_size=n_held, random_state=seed)
        keep, held = next(splitter.split(rows, strata))
    else:
        keep, held = next(ShuffleSplit(n_splits=1, test_size=n_held, random_state=seed).split(rows))
    return np.sort(keep), np.sort(held)


def cross_folds(data: MultimodalData, n_folds: int, seed: int) -> IntArray:
    """Divide the samples into folds of about equal size.

    Whole groups go into one fold if the data has at least two; else the classes, or the range of a numeric target, are
    spread over all folds.

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
        names, place = np.unique(data.groups, return_inverse=True)
        fold_of_group: IntArray = rng.permutation(len(names)) % min(n_folds, len(names))
        return fold_of_group[place]
    order = rng.permutation(data.n_samples)
    target = data.target
    if target is not None and target.values.ndim == 1:
        # neighbours in this order are alike, and go into different folds
        order = order[np.argsort(target.values[order], kind="stable")]
    folds = np.empty(data.n_samples, dtype=np.int64)
    folds[order] = np.arange(data.n_samples) % min(n_folds, data.n_samples)
    return folds


def _group_count(groups: AnyArray, fraction: float) -> int:
    n_groups = len(np.unique(groups))
    return min(max(1, round(fraction * n_groups)), n_groups - 1)


def _strata(data: MultimodalData) -> IntArray | None:
    """Return class codes with classes of one member put together, or None if that is not possible."""
    if data.target is None or not data.target.is_classification:
        return None
    codes = data.target.values.copy()
    counts = np.bincount(codes)
    codes[counts[codes] < 2] = -1
    return None if np.count_nonzero(codes == -1) == 1 else codes
