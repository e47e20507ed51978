"""Content of a benchmark page beyond its records: method in focus, leads, training patterns and calibration."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore._types import AnyArray
from redcore.benchmark import Interval, Record, Result, is_sample, leads, rank_methods, summarise
from redcore.metrics import AS_OBSERVED

__all__ = [
    "MOST_COMPARED",
    "calibration",
    "comparison",
    "default_focus",
    "method_order",
    "pattern_leads",
    "training_patterns",
]

DIGITS = 5
HEADLINE = "proper"
"""Score of pages and figures without a selected score; see `redcore.benchmark.named_score`."""
MOST_COMPARED = 8
"""Number of methods that are compared by missing pattern."""
SAMPLE = (
    "The features and labels of this data are random and were written to test the program. "
    "The scores on this page have no meaning."
)
N_BINS = 10
MOST_CLASSES = 20
"""Data sets with more classes have no confusion matrix."""


def method_order(records: Sequence[Result], score: str | None = None) -> list[str]:
    """Return the titles of all methods by mean rank; methods without a rank are last, in alphabetical order."""
    ranking = rank_methods(records, score=score or HEADLINE)
    ranked = () if ranking is None else ranking.methods
    return [*ranked, *sorted({record.method_title for record in records} - {*ranked})]


def default_focus(records: Sequence[Result], score: str | None = None) -> str:
    """Return the method with the best mean rank."""
    return method_order(records, score)[0]


def pattern_leads(
    records: Sequence[Result], focus: str, score: str | None = None
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Return the leads of the method in focus by data set, missing pattern and other method.

    Other methods are the `MOST_COMPARED` ones with the smallest lead on the data set.
    """
    result: dict[str, dict[str, dict[str, Interval]]] = {}
    for data in sorted({record.data_title for record in records}):
        own = [record for record in records if record.data_title == data and record.status == "done"]
        compared = list(leads(own, focus, score=score or HEADLINE))[:MOST_COMPARED]
        own = [record for record in own if record.method_title in {focus, *compared}]
        patterns = sorted({name for record in own for name in record.metrics.get("per_pattern", {})})
        result[data] = {name: leads(own, focus, score=score or HEADLINE, over=(name,)) for name in patterns}
    return result


def training_patterns(records: Sequence[Record]) -> dict[tuple[str, str], dict[str, float]]:
    """Return the mean number of training samples by missing pattern, by (data set, protocol).

    Each run counts once, because all methods have the same training samples.
    """
    runs: dict[tuple[str, str], dict[tuple[int, int], Mapping[str, int]]] = defaultdict(dict)
    for record in records:
        counts = record.pattern_counts.get("train")
        if counts:
            runs[record.data_title, record.protocol_title][record.seed, record.fold or 0] = counts
    return {
        block: {
            pattern: sum(counts.get(pattern, 0) for counts in own.values()) / len(own)
            for pattern in sorted({name for counts in own.values() for name in counts})
        }
        for block, own in runs.items()
    }


def calibration(records: Sequence[Record]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return reliability and confusion by (data set, method), pooled over missing patterns, protocols and runs.

    Returns
    -------
    dict
        ``bins``: [mean confidence, accuracy, number of predictions] of up to 10 bins of equal width; ``counts``: number
        of predictions by true class (rows) and most probable class (columns), or None with more than 20 classes. Data
        without predictions per test sample and targets other than classes are missing.
    """
    groups: dict[tuple[str, str], list[AnyArray]] = defaultdict(list)
    for record in records:
        samples = record.sample_file() if record.status == "done" else None
        for name, one in (samples.predictions if samples else {}).items():
            if name != AS_OBSERVED and one.argmax is not None and one.confidence is not None:
                columns = (one.target, one.argmax, np.clip(one.confidence, 0, 1))
                groups[record.data_title, record.method_title].append(np.stack(columns))
    return {block: _calibration(np.concatenate(parts, axis=1)) for block, parts in groups.items()}


def _calibration(columns: AnyArray) -> dict[str, Any]:
    target, predicted = columns[:2].astype(np.int64)
    confidence = columns[2]
    places = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    counts = np.bincount(places, minlength=N_BINS)
    used = np.flatnonzero(counts)
    sums = [np.bincount(places, values, N_BINS)[used] for values in (confidence, target == predicted)]
    means = np.stack(sums) / counts[used]
    n_classes = int(max(target.max(), predicted.max())) + 1
    table = np.bincount(target * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    return {
        "bins": [[round(c, 4), round(a, 4), int(n)] for c, a, n in zip(*means.tolist(), counts[used], strict=True)],
        "counts": table.tolist() if n_classes <= MOST_CLASSES else None,
    }


def comparison(
    records: Sequence[Record], content: Mapping[str, Any], focus: str | None, score: str | None
) -> dict[str, Any]:
    """Return the content of a benchmark page beyond that of `payload`, with methods and patterns by index."""
    data, protocols, methods = (content[name] for name in ("data", "protocols", "methods"))
    order = method_order(records, score)
    chosen = focus if focus is not None else next(iter(order), None)
    patterns = {
        (d, tuple(content["modalities"][d][place] for place in places)): index
        for index, (d, places) in enumerate(zip(content["dataOfPattern"], content["patterns"], strict=True))
    }
    extra: dict[str, Any] = {
        "order": [methods.index(method) for method in order],
        "sample": SAMPLE if is_sample(records) else None,
    }
    if chosen is None or not summarise(records, score=score or HEADLINE):
        return extra
    extra["focus"] = methods.index(chosen)
    extra["leads"] = _bounds(leads(records, chosen, score=score or HEADLINE), methods)
    extra["patternLeads"] = {
        f"{patterns[data.index(name), pattern_modalities(pattern)]} {methods.index(method)}": bounds
        for name, by_pattern in pattern_leads(records, chosen, score).items()
        for pattern, intervals in by_pattern.items()
        for method, bounds in ((key, _rounded(one)) for key, one in intervals.items())
        if bounds
    }
    extra["training"] = {
        f"{data.index(name)} {protocols.index(protocol)}": [
            [_positions(pattern, content["modalities"][data.index(name)]), round(count, 2)]
            for pattern, count in counts.items()
        ]
        for (name, protocol), counts in training_patterns(records).items()
    }
    extra["calibration"] = {
        f"{data.index(name)} {methods.index(method)}": {
            "bins": one["bins"],
            "confusion": one["counts"]
            and {"classes": list(map(str, range(len(one["counts"])))), "counts": one["counts"]},
        }
        for (name, method), one in calibration(records).items()
    }
    return extra


def _bounds(intervals: Mapping[str, Interval], methods: Sequence[str]) -> dict[int, list[float]]:
    bounds = {methods.index(method): _rounded(one) for method, one in intervals.items()}
    return {index: one for index, one in bounds.items() if one}


def _rounded(one: Interval) -> list[float] | None:
    return [round(one.low, DIGITS), round(one.high, DIGITS)] if np.isfinite(one.low) else None


def _positions(pattern: str, modalities: Sequence[str]) -> list[int]:
    return [modalities.index(name) for name in ([] if pattern == "nothing" else pattern_modalities(pattern))]
