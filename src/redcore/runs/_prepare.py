"""Splits of a run: held-out test samples, and amputation of training and validation samples."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import (
    SPLITS,
    MultimodalData,
    Target,
    classes_in_one_group,
    count_units,
    cross_folds,
    hold_out,
    require_single_target,
)
from redcore.exceptions import DataError, HoldOutWarning, shortened
from redcore.missing import ampute_parts
from redcore.runs._request import Request
from redcore.runs._threshold import ThresholdRule

__all__ = ["Prepared", "check_folds", "fold_codes", "prepare", "split_codes"]

VALIDATION_FRACTION = 0.2
"""Fraction of the training samples that is held out to choose a threshold."""

SHOWN_CLASSES = 5
"""Largest number of classes in a warning."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data of a run after splitting and amputation.

    Attributes
    ----------
    data : MultimodalData
        All samples. In the training and validation splits, the modalities that the protocol hides are missing.
    split : int array (n_samples,)
        0 for training, 1 for validation and 2 for test samples.
    source : MultimodalData
        All samples before amputation.
    """

    data: MultimodalData
    split: IntArray
    source: MultimodalData

    def samples(self, split: str) -> MultimodalData | None:
        """Return the samples of a split; None if it is empty."""
        return self._take(self.data, split)

    def source_samples(self, split: str) -> MultimodalData | None:
        """Return the samples of a split before amputation; None if it is empty."""
        return self._take(self.source, split)

    def _take(self, data: MultimodalData, split: str) -> MultimodalData | None:
        rows = np.flatnonzero(self.split == SPLITS.index(split))
        return data.take(rows) if rows.size else None


def prepare(data: MultimodalData, request: Request, fold: int | None = None) -> Prepared:
    """Assign samples to splits, then hide modalities in the training and validation splits.

    The test split is not amputed, since it is scored under every missing pattern. See `split_codes` for the splits. If
    the threshold of the request is chosen on validation samples and the data has none, a fifth of the training samples
    (or groups) is held out for it.

    Parameters
    ----------
    data : MultimodalData
    request : Request
    fold : int, optional
        Fold that is the test split, from 1. By default, a request with folds has no test split.
    """
    if fold is not None and request.cv is not None:
        split = fold_codes(data, request.cv, fold, request.seed)
        _warn_of_absent_classes(data, split, [])
    else:
        split = split_codes(data, 0.0 if request.cv else request.test_fraction, request.seed)
    if (
        request.threshold is not None
        and ThresholdRule.parse(request.threshold).value is None
        and not (split == 1).any()
    ):
        train = np.flatnonzero(split == 0)
        _, held_out = hold_out(data.take(train), VALIDATION_FRACTION, request.seed)
        split[train[held_out]] = 1
    rng = np.random.default_rng(request.seed if fold is None else [request.seed, fold])
    hidden = ampute_parts(
        data,
        split,
        request.protocol,
        dict.fromkeys((0, 1), request.missing_rates),
        dict.fromkeys((0, 1), rng),
        options=request.protocol_options,
        at_least_one=not request.allow_empty,
    )
    return Prepared(hidden, split, data)


def split_codes(data: MultimodalData, test_fraction: float, seed: int) -> IntArray:
    """Return the split of each sample: 0 for training, 1 for validation, 2 for test.

    These are the splits of the data. If it has no test split, a fraction of its training samples (or groups) is held
    out for the test. The only group of a class is never held out; a `HoldOutWarning` names it, since the scores then do
    not include this class. A class without a sample in a split is named by a `HoldOutWarning` too.

    Raises
    ------
    DataError
        If no sample is left for training.
    """
    codes = np.zeros(data.n_samples, dtype=np.int64) if data.split is None else data.split.copy()
    train = np.flatnonzero(codes == 0)
    untested: list[Any] = []
    if not train.size:
        raise DataError("no sample is left for training: the data's split has none with 0")
    if not (codes == 2).any():
        candidates = data.take(train)
        _, held_out = hold_out(candidates, test_fraction, seed)
        codes[train[held_out]] = 2
        if held_out.size:
            untested = _warn_of_untested_classes(candidates)
    _warn_of_absent_classes(data, codes, untested)
    return codes


def fold_codes(data: MultimodalData, n_folds: int, fold: int, seed: int) -> IntArray:
    """Return the split of each sample if one fold of the training samples is the test split; see `cross_folds`.

    Parameters
    ----------
    data : MultimodalData
    n_folds : int
    fold : int
        From 1.
    seed : int

    Raises
    ------
    DataError
        If there are fewer samples or groups than folds, or the fold is empty, since too few groups can be held out.
    """
    codes = np.zeros(data.n_samples, dtype=np.int64) if data.split is None else data.split.copy()
    train = np.flatnonzero(codes == 0)
    source = data.take(train)
    _check_number_of_folds(source, n_folds)
    rows = np.flatnonzero(cross_folds(source, n_folds, seed, stratify="class") == fold - 1)
    if not rows.size:
        only = ", ".join(
            f"class {name!r} only in group {group!r}" for name, group in classes_in_one_group(source).items()
        )
        raise DataError(f"fold {fold} of {n_folds} is empty, since too few groups can be held out ({only})")
    codes[train[rows]] = 2
    return codes


def _check_number_of_folds(data: MultimodalData, n_folds: int) -> None:
    if count_units(data) < n_folds:
        raise DataError(f"{n_folds} folds of {count_units(data)} {_unit(data)}")


def _unit(data: MultimodalData) -> str:
    return "samples" if data.groups is None else "groups"


def check_folds(data: MultimodalData, n_folds: int) -> None:
    """Check that the training samples can be divided into folds that all contain every class.

    Raises
    ------
    DataError
        If the data has a test split, fewer samples or groups than folds, or a class (or the event of a survival target)
        that occurs in fewer of them.
    UnsupportedError
        If the data has several targets.
    """
    if data.target is not None:
        require_single_target(data.target.kind, "cross-validation")
    if data.split is not None and (data.split == 2).any():
        n_test = np.count_nonzero(data.split == 2)
        raise DataError(
            f"cv: the data has a test split ({n_test} samples), on which a fit without cv is scored; leave cv out, or "
            "remove the split from the data"
        )
    source = data if data.split is None else data.take(np.flatnonzero(data.split == 0))
    _check_number_of_folds(source, n_folds)
    units = np.arange(source.n_samples) if source.groups is None else source.groups
    n_units = {name: len(np.unique(units[rows])) for name, rows in _rows_by_class(source.target).items()}
    rarest = min(n_units, key=n_units.__getitem__, default=None)
    if rarest is not None and n_units[rarest] < n_folds:
        fewest = n_units[rarest]
        advice = f"expected at most {fewest} folds" if fewest > 1 else "cross-validation needs at least 2"
        raise DataError(
            f"cv: {rarest} occurs in {fewest} {_unit(source)}, which are fewer than {n_folds} folds; {advice}"
        )


def _rows_by_class(target: Target | None) -> dict[str, IntArray]:
    """Return the samples of each class that occurs, or with an event, by the description of the class."""
    if target is not None and target.kind.is_survival:
        return {"the event": np.flatnonzero(target.values[:, 1])}
    if target is None or not target.is_classification or target.classes is None:
        return {}
    names = target.classes.tolist()
    return {f"class {names[code]!r}": np.flatnonzero(target.values == code) for code in np.unique(target.values)}


def _warn_of_untested_classes(data: MultimodalData) -> list[Any]:
    """Warn of the classes that are not held out, since they occur in one group only, and return them."""
    only = classes_in_one_group(data)
    for name, group in only.items():
        warnings.warn(
            f"class {name!r} occurs only in group {group!r}, which is therefore not held out: the scores on the test "
            "split do not include this class",
            HoldOutWarning,
            stacklevel=3,
        )
    return list(only)


def _warn_of_absent_classes(data: MultimodalData, codes: IntArray, untested: list[Any]) -> None:
    """Warn of the classes of the data, except for those in `untested`, that have no sample in a split."""
    if data.target is not None and data.target.kind.is_mixed:
        for name in data.target.part_names:
            _warn_of_absent_classes(data.of_part(name), codes[data.target.labelled(name)], untested)
        return
    if data.target is not None and data.target.kind.is_survival:
        _warn_of_absent_events(data.target.values[:, 1], codes)
    if data.target is None or not data.target.is_classification or data.target.classes is None:
        return
    classes, occurring = data.target.classes, np.unique(data.target.values)
    one = ("it cannot be learned", "it is not used for model selection", "its scores are undefined")
    several = ("they cannot be learned", "they are not used for model selection", "their scores are undefined")
    for code, split in enumerate(SPLITS):
        values = data.target.values[codes == code]
        absent = [name for name in classes[np.setdiff1d(occurring, values)].tolist() if name not in untested]
        if values.size and absent:
            subject, consequences = ("class", one) if len(absent) == 1 else ("classes", several)
            verb = "has" if len(absent) == 1 else "have"
            warnings.warn(
                f"{subject} {shortened(absent, SHOWN_CLASSES)} {verb} no sample in the {split} split "
                f"({len(values)} samples): {consequences[code]}",
                HoldOutWarning,
                stacklevel=3,
            )


def _warn_of_absent_events(events: AnyArray, codes: IntArray) -> None:
    """Warn of splits of a survival target in which all times are censored. A fit raises an error for the first."""
    for code, consequence in ((1, "it is hardly usable for model selection"), (2, "scores of ranks are undefined")):
        in_split = events[codes == code]
        if in_split.size and not in_split.any():
            text = f"no event in the {SPLITS[code]} split ({in_split.size} samples): {consequence}"
            warnings.warn(text, HoldOutWarning, stacklevel=4)
