"""Single features that alone predict the target, which suggests that they contain it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import lgamma, log

import numpy as np

from redcore._types import AnyArray, FloatArray, IntArray
from redcore.data._dataset import MultimodalData
from redcore.data._modality import Modality
from redcore.data._statistics import average_ranks

__all__ = ["TargetLeak", "leak_messages", "target_leaks"]

THRESHOLD = 0.99
"""A feature is reported if its AUC or absolute correlation exceeds this."""
LEVEL = 1e-3
"""Largest probability, over all features of a modality, of a perfect separation by chance."""
MAX_SAMPLES = 20_000
MIN_SAMPLES, MIN_CLASS_SAMPLES = 12, 5
FEATURES_AT_ONCE = 256
PREFILTER = 0.9
"""Smallest share of the largest possible variance of ranks between classes of a reported feature, if rounded down."""


@dataclass(frozen=True)
class TargetLeak:
    """Feature that alone predicts the target.

    Attributes
    ----------
    modality : str
    feature : str
        Name of the feature, or its index if it has no name.
    label : str
        Label of a multi-label target, or index of an output of a regression with several outputs; else empty. Of
        several targets, the name of the target, followed by ``.`` and the label if it has several.
    score : {"AUC", "correlation"}
    value : float
    """

    modality: str
    feature: str
    label: str
    score: str
    value: float

    def __str__(self) -> str:
        target = f"target {self.label!r}" if self.label else "the target"
        return (
            f"{self.modality}: feature {self.feature!r} alone predicts {target} "
            f"({self.score} {self.value:.3f}): possible leak"
        )


MAX_LISTED = 5


def leak_messages(data: MultimodalData) -> list[str]:
    """Return one message per reported feature of `target_leaks`, and one for all further features after the fifth."""
    leaks = [str(leak) for leak in target_leaks(data)]
    more = f"{len(leaks) - MAX_LISTED} further features alone predict the target: possible leak"
    return leaks[:MAX_LISTED] + ([more] if len(leaks) > MAX_LISTED else [])


def target_leaks(data: MultimodalData) -> tuple[TargetLeak, ...]:
    """Return the features with an AUC above 0.99, or an absolute correlation above 0.99 with a continuous target.

    Features of sequences are averaged over time. With more than two classes, a feature must separate all pairs of
    neighbouring classes, ordered by its mean rank. The categories of a feature are replaced by their most frequent
    class. A feature is not reported if so few samples are separated by chance. Free text is not tested, and categories
    are not tested for a continuous target.
    At most 20,000 samples are used, evenly spaced over the data.
    """
    target = data.target
    if target is None:
        return ()
    if target.kind.is_mixed:
        return tuple(
            replace(leak, label=f"{name}.{leak.label}" if leak.label else name)
            for name in target.part_names
            if target.labelled(name).any()
            for leak in target_leaks(data.of_part(name))
        )
    rows = np.arange(0, data.n_samples, -(-data.n_samples // MAX_SAMPLES)) if data.n_samples else np.zeros(0, np.int64)
    outputs = target.values[rows].reshape(len(rows), -1)
    several = outputs.shape[1] > 1
    indices: AnyArray = np.arange(outputs.shape[1])
    labels = [str(label) for label in (indices if target.classes is None else target.classes)][: len(indices)]
    if target.kind.is_survival:
        labels = ["time", "event"]
    leaks = []
    for name, modality in data.modalities.items():
        if modality.is_raw:
            continue
        names = data.feature_names.get(name) or tuple(map(str, range(modality.n_features)))
        categories, text = data.categories.get(name, {}), data.text.get(name, ())
        coded = [index for index, feature in enumerate(names) if feature in categories and feature not in text]
        numbers = [index for index, feature in enumerate(names) if feature not in categories]
        observed, values = _vectors(modality, rows)
        for column, label in enumerate(labels):
            is_continuous = target.kind.is_regression or (target.kind.is_survival and label == "time")
            labels_observed = outputs[observed, column]
            numeric = _scores(values[:, numbers], labels_observed, is_continuous, modality.n_features)
            scores = [(numbers[place], kind, value) for place, kind, value in numeric]
            for index in [] if is_continuous else coded:
                of_category = _category_scores(values[:, index], labels_observed, modality.n_features)
                scores += [(index, kind, value) for _, kind, value in of_category]
            leaks += [
                TargetLeak(name, names[feature], label if several else "", kind, value)
                for feature, kind, value in scores
            ]
    return tuple(leaks)


def _vectors(modality: Modality, rows: IntArray) -> tuple[IntArray, FloatArray]:
    """Return the positions in `rows` that observe the modality, and their values, averaged over time."""
    taken = modality.take(rows).loaded()
    observed = np.flatnonzero(taken.availability)
    values = taken.values.astype(np.float64)
    if taken.lengths is not None and len(observed):
        ends = np.cumsum(taken.lengths)
        values = np.add.reduceat(values, ends - taken.lengths, axis=0) / taken.lengths[:, None]
    return observed, values


def _scores(
    values: FloatArray, target: AnyArray, is_regression: bool, n_features: int
) -> Iterator[tuple[int, str, float]]:
    """Yield index, name of the score and score of every reported feature."""
    # features with missing cells have samples of their own
    partial = np.isnan(values).any(axis=0)
    if partial.any():
        for feature in np.flatnonzero(partial):
            rows = ~np.isnan(values[:, feature])
            yield from (
                (int(feature), kind, value)
                for _, kind, value in _scores(values[rows, feature][:, None], target[rows], is_regression, n_features)
            )
        complete = np.flatnonzero(~partial)
        scores = _scores(values[:, complete], target, is_regression, n_features)
        yield from ((int(complete[feature]), kind, value) for feature, kind, value in scores)
        return
    if not is_regression:
        codes, counts = np.unique(target, return_counts=True)
        keep = np.isin(target, codes[counts >= MIN_CLASS_SAMPLES])
        values, target = values[keep], np.unique(target[keep], return_inverse=True)[1]
    if len(target) < MIN_SAMPLES or np.ptp(target) == 0:
        return
    for start in range(0, values.shape[1], FEATURES_AT_ONCE):
        block = values[:, start : start + FEATURES_AT_ONCE]
        found = _correlations(block, target) if is_regression else _aucs(block, target, n_features)
        yield from ((start + feature, kind, value) for feature, kind, value in found)


def _category_scores(codes: FloatArray, target: AnyArray, n_features: int) -> Iterator[tuple[int, str, float]]:
    """Yield the score of one feature with codes of categories, as `_scores`, unless it may be high by chance."""
    known = ~np.isnan(codes)
    target = target[known]
    if not len(target):
        return
    _, category = np.unique(codes[known], return_inverse=True)
    classes, label = np.unique(target, return_inverse=True)
    counts = np.zeros((category.max() + 1, len(classes)))
    np.add.at(counts, (category, label), 1)
    # number of ways to give every category a class, relative to all arrangements of the classes
    arrangements = lgamma(len(target) + 1) - sum(lgamma(count + 1) for count in counts.sum(axis=0))
    if len(counts) * log(len(classes)) - arrangements + log(n_features) < log(LEVEL):
        yield from _scores(counts.argmax(axis=1)[category, None].astype(np.float64), target, False, n_features)


def _correlations(values: FloatArray, target: AnyArray) -> Iterator[tuple[int, str, float]]:
    pearson = _correlation(values, np.asarray(target, dtype=np.float64))
    spearman = _correlation(average_ranks(values), average_ranks(target))
    for feature in np.flatnonzero(np.maximum(np.abs(pearson), np.abs(spearman)) > THRESHOLD):
        value = max(pearson[feature], spearman[feature], key=abs)
        yield int(feature), "correlation", float(value)


def _correlation(values: FloatArray, target: FloatArray) -> FloatArray:
    values, target = values - values.mean(axis=0), target - target.mean()
    norm = np.linalg.norm(values, axis=0) * np.linalg.norm(target)
    # rounding leaves a small norm if all values are equal
    is_constant = np.ptp(values, axis=0) == 0
    return np.where(is_constant, 0.0, (target @ values) / np.where(norm > 0, norm, 1.0))


def _aucs(values: FloatArray, codes: IntArray, n_features: int) -> Iterator[tuple[int, str, float]]:
    ranks = average_ranks(values)
    counts = np.bincount(codes)
    means = np.stack([ranks[codes == code].mean(axis=0) for code in range(len(counts))])
    for feature in range(values.shape[1]):
        order = np.argsort(means[:, feature], kind="stable")
        # classes that are separated perfectly occupy one block of ranks after the other
        ends = np.cumsum(counts[order])
        blocks = ends - (counts[order] - 1) / 2
        middle = (len(codes) + 1) / 2
        possible = float(counts[order] @ (blocks - middle) ** 2)
        if float(counts[order] @ (means[order, feature] - middle) ** 2) < PREFILTER * possible:
            continue
        pairs = list(pairwise(order))
        value = min(_auc(values[codes == first, feature], values[codes == second, feature]) for first, second in pairs)
        by_chance = max(_log_chance(counts[first], counts[second]) for first, second in pairs)
        if value > THRESHOLD and by_chance + log(n_features) < log(LEVEL):
            yield feature, "AUC", value


def _auc(first: FloatArray, second: FloatArray) -> float:
    """Return the probability that a value of `second` is larger than one of `first`, ties counted half."""
    ranks = average_ranks(np.concatenate([first, second]))
    n = len(second)
    return float((ranks[len(first) :].sum() - n * (n + 1) / 2) / (n * len(first)))


def _log_chance(n_first: int, n_second: int) -> float:
    """Return the logarithm of the probability that two classes are separated perfectly by chance."""
    return log(2) - (lgamma(n_first + n_second + 1) - lgamma(n_first + 1) - lgamma(n_second + 1))
