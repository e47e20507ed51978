"""Hold samples out: by group where there are groups, by class where there are classes."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from redcore._types import AnyArray, IntArray
from redcore.data._multimodal import MultimodalData

__all__ = ["hold_out"]


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
