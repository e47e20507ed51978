"""Splits of a run: held-out test samples, and amputation of training and validation samples."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import SPLITS, MultimodalData, classes_in_one_group, hold_out
from redcore.exceptions import DataError, HoldOutWarning
from redcore.missing import ampute_parts
from redcore.runs._request import Request
from redcore.runs._threshold import ThresholdRule

__all__ = ["Prepared", "prepare", "split_codes"]

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


def prepare(data: MultimodalData, request: Request) -> Prepared:
    """Assign samples to splits, then hide modalities in the training and validation splits.

    The test split is not amputed, since it is scored under every missing pattern. See `split_codes` for the splits. If
    the threshold of the request is chosen on validation samples and the data has none, a fifth of the training samples
    (or groups) is held out for it.
    """
    split = split_codes(data, request.test_fraction, request.seed)
    if (
        request.threshold is not None
        and ThresholdRule.parse(request.threshold).value is None
        and not (split == 1).any()
    ):
        train = np.flatnonzero(split == 0)
        _, held_out = hold_out(data.take(train), VALIDATION_FRACTION, request.seed)
        split[train[held_out]] = 1
    rng = np.random.default_rng(request.seed)
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
    if data.target is not None and data.target.kind.is_survival:
        _warn_of_absent_events(data.target.values[:, 1], codes)
    if data.target is None or not data.target.is_classification or data.target.classes is None:
        return
    classes, occurring = data.target.classes, np.unique(data.target.values)
    consequences = ("it cannot be learned", "it is not used for model selection", "its scores are undefined")
    for code, (split, consequence) in enumerate(zip(SPLITS, consequences, strict=True)):
        values = data.target.values[codes == code]
        absent = [name for name in classes[np.setdiff1d(occurring, values)].tolist() if name not in untested]
        if values.size and absent:
            more = f" and {len(absent) - SHOWN_CLASSES} more" if len(absent) > SHOWN_CLASSES else ""
            subject, verb = ("class", "has") if len(absent) == 1 else ("classes", "have")
            warnings.warn(
                f"{subject} {', '.join(map(repr, absent[:SHOWN_CLASSES]))}{more} {verb} no sample in the {split} split "
                f"({len(values)} samples): {consequence}",
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
