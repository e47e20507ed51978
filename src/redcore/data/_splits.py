"""Grouped and stratified splits into training and held-out samples, and into folds."""

import warnings
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._dataset import MultimodalData
from redcore.data._random_split import random_split
from redcore.data._target import Target, TargetKind
from redcore.exceptions import HoldOutWarning

__all__ = ["assign_folds", "classes_in_one_group", "count_units", "cross_folds", "fold_rows", "hold_out"]

SHOWN_CLASSES = 5
"""Largest number of classes in a warning."""

N_DRAWS = 50
"""Number of random splits from which the best one is taken, if groups have samples of several classes."""


def hold_out(data: MultimodalData, fraction: float, seed: int) -> tuple[IntArray, IntArray]:
    """Split the samples at random into samples to keep and held-out samples.

    If the data has two or more groups, whole groups are held out. The split is stratified by class if possible: classes
    with a single sample are pooled into one stratum. Groups are stratified by their rarest class. If groups have
    samples of several classes, the best of 50 random splits is taken: the one whose shares of held-out samples per
    class are closest to `fraction`.

    Groups are drawn such that every class remains in the samples to keep. The only group of a class is therefore never
    held out. If every group is the only group of a class, nothing is held out and a `HoldOutWarning` names classes and
    groups. The same holds for the labels of a multi-label target, present and absent, and for the events and censored
    times of a survival target.

    Parameters
    ----------
    data : MultimodalData
    fraction : float
        Fraction of the samples (or groups) to hold out, in [0, 1).
    seed : int

    Returns
    -------
    keep, held_out : int arrays
        Row numbers, ascending. `held_out` is empty if `fraction` is 0, if the data has fewer than two samples, or if no
        group can be held out.
    """
    n_samples = data.n_samples
    rows = np.arange(n_samples)
    if fraction <= 0 or n_samples < 2:
        return rows, rows[:0]
    data = replace(data, target=_stratifying(data.target))
    if data.groups is None or len(np.unique(data.groups)) < 2:
        keep, held = _random_split(_classes(data.target), n_samples, fraction, seed)
        return np.sort(keep), np.sort(held)
    names, group_of = np.unique(data.groups, return_inverse=True)
    strata, counts = _strata_of_groups(data.target, group_of)
    held_groups = _draw_groups(strata, counts, len(names), fraction, seed)
    occurs = _occurrence(data.target, group_of)
    only = _only_groups(occurs)
    if only[held_groups].any():
        candidates = np.flatnonzero(~only)
        n_held = min(len(held_groups), len(candidates))
        if n_held == 0:
            _warn_of_classes_in_one_group(data)
        held_groups = candidates
        if n_held < len(candidates):
            strata, counts = (None if each is None else each[candidates] for each in (strata, counts))
            drawn = _draw_groups(strata, counts, len(candidates), n_held / len(candidates), seed)
            held_groups = candidates[drawn]
    is_held = _without_lost_classes(occurs, np.isin(np.arange(len(names)), held_groups))[group_of]
    return rows[~is_held], rows[is_held]


def cross_folds(
    data: MultimodalData, n_folds: int, seed: int, *, stratify: Literal["order", "class", "every class"] = "order"
) -> IntArray:
    """Assign the samples to folds of about equal size for cross-validation.

    All samples of a group are in one fold. Every class occurs outside each fold: the only group of a class is in no
    fold. If every group is the only group of a class, no sample is in a fold and a `HoldOutWarning` names classes and
    groups.

    Parameters
    ----------
    data : MultimodalData
    n_folds : int
        At least 2. Data with fewer samples or groups gets fewer folds.
    seed : int
    stratify : {"order", "class", "every class"}
        "order": samples are sorted by class, by a single regression target, or by event and time, at random within
        ties, and assigned to the folds in turn; groups are sorted by their rarest class. A single group is ignored.
        "class": stratified by class (or event) if the most frequent class has at least `n_folds` samples. "every
        class": stratified by class if every class that occurs has at least `n_folds` samples. The last two use the
        splitters of scikit-learn.

    Returns
    -------
    int array (n_samples,)
        Fold of each sample, from 0; -1 for samples that must not be held out.

    Examples
    --------
    >>> from redcore.data import Target
    >>> data = MultimodalData.from_arrays({"audio": np.zeros((6, 1))}, Target.from_labels(["no", "yes"] * 3))
    >>> folds = cross_folds(data, 3, seed=0)
    >>> sorted(folds[::2].tolist()), sorted(folds[1::2].tolist())
    ([0, 1, 2], [0, 1, 2])
    """
    data = replace(data, target=_stratifying(data.target))
    groups = data.groups
    if groups is None or len(np.unique(groups)) < 2:
        return _assign(data.target, groups, data.n_samples, n_folds, seed, stratify)
    _, group_of = np.unique(groups, return_inverse=True)
    occurs = _occurrence(data.target, group_of)
    only = _only_groups(occurs)
    rows = np.flatnonzero(~only[group_of])
    folds = np.full(data.n_samples, -1)
    if only.all():
        _warn_of_classes_in_one_group(data)
    elif np.count_nonzero(~only) == 1:
        folds[rows] = 0
    else:
        target = None if data.target is None else data.target.take(rows)
        folds[rows] = _assign(target, groups[rows], len(rows), n_folds, seed, stratify)
    for fold in range(folds.max() + 1):
        in_fold = np.bincount(group_of, folds == fold) > 0
        released = in_fold & ~_without_lost_classes(occurs, in_fold)
        folds[released[group_of]] = -1
    return folds


def classes_in_one_group(data: MultimodalData) -> dict[Any, Any]:
    """Return the classes that occur in one group only, with this group.

    Returns
    -------
    dict
        Group by class, or by label for a multi-label target. Empty if the data has no groups or only one.

    Examples
    --------
    >>> from redcore.data import Target
    >>> target = Target.from_labels(["no", "yes", "no", "no"])
    >>> data = MultimodalData.from_arrays({"audio": np.zeros((4, 1))}, target, groups=["p1", "p2", "p2", "p3"])
    >>> classes_in_one_group(data)
    {'yes': 'p2'}
    """
    target = _stratifying(data.target)
    if data.groups is None or target is None or len(np.unique(data.groups)) < 2:
        return {}
    names, group_of = np.unique(data.groups, return_inverse=True)
    occurs = _occurrence(target, group_of)
    # the last columns of a multi-label target stand for the absence of the labels
    classes = np.resize(_class_names(target), occurs.shape[1])
    only: dict[Any, Any] = {}
    for column in np.flatnonzero(occurs.sum(axis=0) == 1):
        only.setdefault(_scalar(classes[column]), _scalar(names[occurs[:, column].argmax()]))
    return only


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
    # its import takes a second, and the splits that precede a default fit do not need it
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

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


def _assign(
    target: Target | None, groups: AnyArray | None, n_samples: int, n_folds: int, seed: int, stratify: str
) -> IntArray:
    """Return the fold of each sample, as `cross_folds` without the condition that classes occur outside each fold."""
    if stratify == "order":
        return _folds_by_order(target, groups, n_samples, n_folds, np.random.default_rng(seed))
    n_units = n_samples if groups is None else len(np.unique(groups))
    n_folds, classes = min(n_folds, n_units), _classes(target)
    if classes is not None:
        counts = np.bincount(classes)
        fewest = counts.max() if stratify == "class" else counts[counts > 0].min()
        classes = classes if fewest >= n_folds else None
    return assign_folds(n_samples, n_folds, seed, classes=classes, groups=groups)


def _folds_by_order(
    target: Target | None, groups: AnyArray | None, n_samples: int, n_folds: int, rng: np.random.Generator
) -> IntArray:
    if groups is not None and len(np.unique(groups)) > 1:
        names, group_of = np.unique(groups, return_inverse=True)
        order = np.argsort(rng.permutation(len(names)))
        strata, _ = _strata_of_groups(target, group_of)
        if strata is not None:
            order = order[np.argsort(strata[order], kind="stable")]
        return _assign_in_turn(order, n_folds)[group_of]
    order = rng.permutation(n_samples)
    if target is not None and target.kind.is_survival:
        times, events = target.values[order].T
        order = order[np.lexsort((times, events))]
    elif target is not None and target.values.ndim == 1:
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
    return random_split(n - n_held, n_held, seed, strata if possible else None)


def _stratifying(target: Target | None) -> Target | None:
    """Return the target by which samples are stratified.

    Of a mixed target, it is the first part with classes, or else the first with events, or else the first. Samples
    without a class or event are one more class. None if such samples have no value of another kind.
    """
    if target is None or not target.kind.is_mixed:
        return target
    first = min(target.parts, key=lambda part: (not part.kind.is_classification, not part.kind.is_survival))
    single, labelled = target.of_part(first.name), target.labelled(first.name)
    if labelled.all():
        return single
    if (known := _classes(single)) is None:
        return None
    codes = np.full(len(labelled), len(_class_names(single)))
    codes[labelled] = known
    return Target(TargetKind.MULTICLASS, codes, np.array([*_class_names(single).tolist(), "unlabelled"], dtype=object))


def _classes(target: Target | None) -> IntArray | None:
    """Return the classes of the samples; of a survival target, whether they have an event; None for other targets."""
    if target is not None and target.kind.is_survival:
        return target.values[:, 1].astype(np.int64)
    return target.values if target is not None and target.is_classification else None


def _class_names(target: Target) -> AnyArray:
    if target.kind.is_survival:
        return np.array(["censored", "event"])
    return np.arange(0) if target.classes is None else target.classes


def _occurrence(target: Target | None, group_of: IntArray) -> BoolArray:
    """Return the classes of each group, bool (n_groups, n_classes).

    A multi-label target has two columns per label: first the presence of all labels, then their absence. A survival
    target has the classes "censored" and "event". Targets without classes have no column.
    """
    n_groups, codes = int(group_of.max()) + 1, _classes(target)
    if target is not None and codes is not None:
        occurs = np.zeros((n_groups, len(_class_names(target))), dtype=bool)
        occurs[group_of, codes] = True
        return occurs
    if target is None or target.classes is None:
        return np.zeros((n_groups, 0), dtype=bool)
    indicators = np.concatenate([target.values > 0, target.values == 0], axis=1)
    return np.stack([np.bincount(group_of, column, n_groups) > 0 for column in indicators.T], axis=1)


def _only_groups(occurs: BoolArray) -> BoolArray:
    """Return a mask of the groups that are the only group of a class; `occurs` as from `_occurrence`."""
    return np.asarray(occurs[:, occurs.sum(axis=0) == 1].any(axis=1))


def _without_lost_classes(occurs: BoolArray, held: BoolArray) -> BoolArray:
    """Return the held-out groups, bool (n_groups,), without some of them if a class would otherwise be lost."""
    held = held.copy()
    for having in occurs.T:
        if having.any() and held[having].all():
            held[having.argmax()] = False
    return held


def _warn_of_classes_in_one_group(data: MultimodalData) -> None:
    pairs = [f"class {name!r} only in group {group!r}" for name, group in classes_in_one_group(data).items()]
    more = f" and {len(pairs) - SHOWN_CLASSES} more" if len(pairs) > SHOWN_CLASSES else ""
    warnings.warn(
        "no samples can be held out, since every group is the only group of a class: "
        f"{', '.join(pairs[:SHOWN_CLASSES])}{more}",
        HoldOutWarning,
        stacklevel=3,
    )


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _strata_of_groups(target: Target | None, group_of: IntArray) -> tuple[IntArray | None, IntArray | None]:
    """Return the rarest class of each group, and the number of samples of each class in each group.

    Returns
    -------
    strata : int array (n_groups,), optional
        None if the target has no classes, or if groups of several classes all have the same rarest class.
    counts : int array (n_groups, n_classes), optional
        None if the target has no classes, or if no group has samples of several classes.
    """
    codes = _classes(target)
    if codes is None:
        return None, None
    shape = int(group_of.max()) + 1, int(codes.max()) + 1
    counts = np.bincount(group_of * shape[1] + codes, minlength=shape[0] * shape[1]).reshape(shape)
    by_rarity = np.argsort(counts.sum(axis=0), kind="stable")
    strata = by_rarity[(counts[:, by_rarity] > 0).argmax(axis=1)]
    if ((counts > 0).sum(axis=1) == 1).all():
        return strata, None
    return strata if len(np.unique(strata)) > 1 else None, counts


def _draw_groups(
    strata: IntArray | None, counts: IntArray | None, n_groups: int, fraction: float, seed: int
) -> IntArray:
    """Draw the groups to hold out; with `counts` the best of `N_DRAWS` draws, see `hold_out`."""
    _, best = _random_split(strata, n_groups, fraction, seed)
    if counts is None:
        return best
    totals = counts.sum(axis=0)

    def deviation(held: IntArray) -> float:
        shares = counts[held].sum(axis=0)[totals > 0] / totals[totals > 0]
        return float(((shares - fraction) ** 2).sum())

    smallest = deviation(best)
    for other in np.random.SeedSequence(seed).generate_state(N_DRAWS - 1).tolist():
        _, held = _random_split(strata, n_groups, fraction, other)
        if deviation(held) < smallest - 1e-12:
            best, smallest = held, deviation(held)
    return best


def _strata(codes: IntArray) -> IntArray | None:
    """Return class codes with single-sample classes pooled into one; a lone one joins the most frequent class."""
    counts = np.bincount(codes)
    strata = np.where(counts[codes] < 2, -1, codes)
    if np.count_nonzero(strata == -1) == 1:
        strata[strata == -1] = counts.argmax()
    return strata if len(strata) > 1 else None
