"""The summary of a data set, and the findings that its user should know of."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.data._dataset import PARTS, MultimodalData
from redcore.data._target import Target
from redcore.inspection._features import EXPLODING, SKEWED, FeatureScan, scan
from redcore.inspection._leakage import Leakage, leakage
from redcore.inspection._missingness import Association, MissingTable, Pattern, associations, missing_by, patterns

__all__ = ["Finding", "ModalitySummary", "Summary", "summarise"]

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
TINY, HUGE = 1e-3, 1e3
IMBALANCED = 10.0
"""Ratio of the largest to the smallest class from which it is worth a note."""
ENOUGH_FEATURES = 8
"""Values of fewer features may well be equal in two samples."""
LISTED = 5


@dataclass(frozen=True)
class Finding:
    """Something the user of the data should know: a warning may make results wrong, a note is good to know."""

    severity: Literal["warning", "note"]
    text: str


@dataclass(frozen=True)
class ModalitySummary:
    """One modality.

    Attributes
    ----------
    name : str
    n_features : int
    is_sequence : bool
    n_observed : int
    missing_rate : float
    lengths : dict of str to float or None
        Quantiles of the sequence lengths, ``"0%"`` to ``"100%"``.
    typical : float
        Median absolute value.
    constant, exploding, skewed : tuple of int
        Numbers of such features.
    n_zero : int
        Observed samples whose values are all zero.
    """

    name: str
    n_features: int
    is_sequence: bool
    n_observed: int
    missing_rate: float
    lengths: dict[str, float] | None
    typical: float
    constant: tuple[int, ...]
    exploding: tuple[int, ...]
    skewed: tuple[int, ...]
    n_zero: int


@dataclass(frozen=True)
class Summary:
    """What a data set holds; see `summarise`.

    Attributes
    ----------
    n_samples : int
    target : dict
        ``kind``, and ``counts`` by class or label, or ``quantiles`` for regression.
    parts : dict of str to int
        Samples by part of the data's own split; empty without one.
    n_groups : int or None
    modalities : tuple of ModalitySummary
    patterns : tuple of Pattern
    missing_by : tuple of MissingTable
    associations : tuple of Association
    leakage : Leakage or None
        None without a split.
    findings : tuple of Finding
        Warnings first.
    """

    n_samples: int
    target: dict[str, Any]
    parts: dict[str, int]
    n_groups: int | None
    modalities: tuple[ModalitySummary, ...]
    patterns: tuple[Pattern, ...]
    missing_by: tuple[MissingTable, ...]
    associations: tuple[Association, ...]
    leakage: Leakage | None
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return asdict(self)


def summarise(data: MultimodalData) -> Summary:
    """Look at a data set: one pass over its values, a few thousand samples at a time.

    Non-finite values need no looking for: readers refuse them, naming file, modality and row.
    """
    scans = {name: scan(modality) for name, modality in data.modalities.items()}
    by = missing_by(data)
    tested = associations(data)
    leaks = leakage(
        data,
        {name: found.digests for name, found in scans.items()},
        {name: found.zero for name, found in scans.items()},
    )
    modalities = tuple(_modality(data, name, found) for name, found in scans.items())
    findings = [
        *_missing_findings(data, by, tested),
        *_leakage_findings(leaks, modalities),
        *(finding for modality in modalities for finding in _feature_findings(modality)),
        *_target_findings(data),
    ]
    return Summary(
        data.n_samples,
        _target(data.target),
        {} if data.split is None else next(table for table in by if table.of == "split").n_samples,
        None if data.groups is None else len(np.unique(data.groups)),
        modalities,
        patterns(data),
        by,
        tested,
        leaks,
        tuple(sorted(findings, key=lambda finding: finding.severity != "warning")),
    )


def _modality(data: MultimodalData, name: str, found: FeatureScan) -> ModalitySummary:
    modality = data.modalities[name]
    return ModalitySummary(
        name,
        modality.n_features,
        modality.is_sequence,
        modality.n_observed,
        1.0 - modality.n_observed / data.n_samples,
        None if found.lengths is None else _quantiles(found.lengths),
        found.typical,
        _numbers(found.constant),
        _numbers(found.exploding),
        _numbers(found.skewed),
        int(found.zero.sum()),
    )


def _numbers(which: BoolArray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(which).tolist())


def _quantiles(values: AnyArray) -> dict[str, float]:
    return {f"{level:.0%}": float(np.quantile(values, level)) for level in QUANTILES}


def _target(target: Target | None) -> dict[str, Any]:
    if target is None:
        return {"kind": "none"}
    if target.classes is None:
        columns = target.values.reshape(len(target.values), -1).T
        return {"kind": target.kind, "quantiles": [_quantiles(column) for column in columns]}
    codes = target.values
    counts = np.bincount(codes, minlength=len(target.classes)) if target.is_classification else codes.sum(axis=0)
    return {"kind": target.kind, "counts": dict(zip(map(str, target.classes), map(int, counts), strict=True))}


def _missing_findings(
    data: MultimodalData, by: tuple[MissingTable, ...], tested: tuple[Association, ...]
) -> list[Finding]:
    found = []
    # where samples are few, a level may lack a modality by chance
    depends = {(test.modality, test.on) for test in tested if test.depends}
    whole = {(name, table.of) for table in by for name in data.names if _wholly_missing(table, name)} & depends
    for table in by:
        for name in data.names:
            levels = _wholly_missing(table, name) if (name, table.of) in depends else []
            samples = sum(table.n_samples[level] for level in levels)
            text = f"{name} is missing in all {samples} samples of {table.of} {_listed(levels)}, and not elsewhere"
            found += [Finding("warning", f"{text}: {table.of}-dependent")] if levels else []
    for test in tested:
        if test.depends and (test.modality, test.on) not in whole:
            severity: Literal["warning", "note"] = "warning" if test.on in ("class", "target", "split") else "note"
            text = f"whether {test.modality} is missing depends on {_factor(test.on)} (p = {test.adjusted:.1g})"
            found.append(Finding(severity, f"{text}: not missing completely at random"))
    never = [name for name, modality in data.modalities.items() if not modality.n_observed]
    found += [Finding("warning", f"{name} is missing in every sample") for name in never]
    empty = int((~data.availability.any(axis=1)).sum())
    return found + ([Finding("warning", f"{empty} samples have no modality at all")] if empty else [])


def _wholly_missing(table: MissingTable, name: str) -> list[str]:
    rates = table.rates[name]
    levels = [level for level, rate in rates.items() if rate == 1]
    return levels if len(levels) < len(rates) else []


def _factor(on: str) -> str:
    return f"whether {on.removeprefix('modality ')} is" if on.startswith("modality ") else f"the {on}"


def _leakage_findings(leaks: Leakage | None, modalities: tuple[ModalitySummary, ...]) -> list[Finding]:
    if leaks is None:
        return []
    found = []
    if leaks.n_ids:
        text = f"{leaks.n_ids} sample ids are in several parts of the split but for spaces or capitals"
        found.append(Finding("warning", f"{text}: {_listed(leaks.ids)}"))
    if leaks.n_groups:
        found.append(Finding("warning", f"{leaks.n_groups} groups are in several parts: {_listed(leaks.groups)}"))
    if leaks.n_identical_samples:
        text = f"{leaks.n_identical_samples} validation or test samples are bit-identical to samples of another part"
        found.append(Finding("warning", f"{text}: {_listed(leaks.identical_samples)}"))
    for modality in modalities:
        n_identical = leaks.identical[modality.name]
        if n_identical > leaks.n_identical_samples and modality.n_features >= ENOUGH_FEATURES:
            text = (
                f"{modality.name} of {n_identical} validation or test samples is bit-identical to that of another part"
            )
            found.append(Finding("note", text))
    return found


def _feature_findings(modality: ModalitySummary) -> list[Finding]:
    name, found = modality.name, []
    if modality.exploding:
        text = f"values over {EXPLODING:g} times their 99% quantile"
        found.append(Finding("warning", f"{name}: features {_listed(modality.exploding)} have {text}"))
    if modality.n_zero:
        text = f"{name} is all zeros in {modality.n_zero} samples that count as observed"
        found.append(Finding("warning", f"{text}: missing values written as zeros?"))
    if modality.constant and modality.n_observed > 1:
        found.append(Finding("note", f"{name}: {len(modality.constant)} features are constant"))
    if len(modality.skewed) > modality.n_features / 4:
        text = f"{name}: {len(modality.skewed)} of {modality.n_features} features are skewed (over {SKEWED:g})"
        found.append(Finding("note", f"{text}; preprocessing=quantile may help"))
    if modality.n_observed and modality.typical and not TINY <= modality.typical <= HUGE:
        size = "tiny" if modality.typical < TINY else "huge"
        found.append(Finding("note", f"{name}: values are {size} (median absolute value {modality.typical:.2g})"))
    return found


def _target_findings(data: MultimodalData) -> list[Finding]:
    target, found = data.target, []
    if target is None:
        return [Finding("note", "there is no target")]
    if not target.is_classification or target.classes is None:
        return []
    counts = np.bincount(target.values, minlength=target.n_outputs)
    if _in_runs(target.values, counts):
        found.append(Finding("note", "samples come in long runs of one class (sorted?): shuffle before cutting folds"))
    smallest = counts[counts > 0].min()
    if counts.max() >= IMBALANCED * smallest:
        found.append(Finding("note", f"the largest class has {counts.max()} samples, the smallest {smallest}"))
    absent = [str(label) for label, count in zip(target.classes, counts, strict=True) if not count]
    found += [Finding("note", f"classes without any sample: {_listed(absent)}")] if absent else []
    return found + _absent_classes(data, target, counts)


def _absent_classes(data: MultimodalData, target: Target, counts: AnyArray) -> list[Finding]:
    if data.split is None or target.classes is None:
        return []
    found = []
    for part, code in PARTS.items():
        there = np.bincount(target.values[data.split == code], minlength=len(counts))
        absent = [str(label) for label, n, total in zip(target.classes, there, counts, strict=True) if total and not n]
        if absent and there.sum():
            severity: Literal["warning", "note"] = "warning" if part == "train" else "note"
            found.append(Finding(severity, f"the {part} part has no sample of classes {_listed(absent)}"))
    return found


def _in_runs(codes: AnyArray, counts: AnyArray) -> bool:
    """Return whether neighbours have other classes less than half as often as in random order."""
    n = len(codes)
    expected = (n - (counts.astype(np.float64) ** 2).sum() / n) if n else 0.0
    return bool(expected >= 5 and np.count_nonzero(np.diff(codes)) < expected / 2)


def _listed(values: Any) -> str:
    names = [str(value) for value in values]
    more = f", ... ({len(names)})" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
