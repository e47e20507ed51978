"""Summary of a data set, with findings on possible problems."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.data._dataset import SPLITS, MultimodalData
from redcore.data._decide_target import numeric_classes
from redcore.data._sentinels import sentinel_message, sentinels
from redcore.data._target import Target
from redcore.inspection._duplicates import duplicated_columns
from redcore.inspection._features import EXPLODING, SKEWED, FeatureScan, scan
from redcore.inspection._leakage import Leakage, leakage
from redcore.inspection._missingness import Association, MissingTable, Pattern, associations, missing_by, patterns
from redcore.inspection._target_leaks import leak_messages

__all__ = ["Finding", "ModalitySummary", "Summary", "summarise"]

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
TINY, HUGE = 1e-3, 1e3
"""Range of unremarkable median absolute values."""
IMBALANCED = 10.0
"""Ratio of the largest to the smallest class from which class imbalance is reported."""
ENOUGH_FEATURES = 8
"""Smallest number of features for which equal samples are reported; with fewer, samples may be equal by chance."""
MAX_LISTED = 5


@dataclass(frozen=True)
class Finding:
    """Finding on a data set: a warning for problems that may invalidate results, otherwise a note."""

    severity: Literal["warning", "note"]
    text: str


@dataclass(frozen=True)
class ModalitySummary:
    """Summary of one modality.

    Attributes
    ----------
    name : str
    n_features : int
    is_sequence : bool
    n_observed : int
        Number of samples that observe the modality.
    missing_rate : float
        Fraction of samples in which the modality is missing.
    lengths : dict of str to float or None
        Quantiles of the sequence lengths, ``"0%"`` to ``"100%"``; None for vectors.
    typical : float or None
        Median absolute value of the features of numbers; None if all features are categories, text, pixels or tokens.
    constant, exploding, skewed : tuple of int
        Indices of the features with these properties; see `redcore.inspection._features` for the thresholds.
    n_zero : int
        Number of observed samples whose values are all zero; 0 for modalities with codes of categories.
    missing_cells : dict of str to float
        Share of the missing cells of each feature in the observed samples, by name (or index), for features with any.
    """

    name: str
    n_features: int
    is_sequence: bool
    n_observed: int
    missing_rate: float
    lengths: dict[str, float] | None
    typical: float | None
    constant: tuple[int, ...]
    exploding: tuple[int, ...]
    skewed: tuple[int, ...]
    n_zero: int
    missing_cells: dict[str, float]


@dataclass(frozen=True)
class Summary:
    """Summary of a data set; see `summarise`.

    Attributes
    ----------
    n_samples : int
    target : dict
        ``kind``, and ``counts`` by class or label, or ``quantiles`` for regression; survival has both.
    parts : dict of str to int
        Number of samples per split; empty if the data has no split.
    n_groups : int or None
    modalities : tuple of ModalitySummary
    patterns : tuple of Pattern
        Missing patterns, most frequent first.
    missing_by : tuple of MissingTable
        Missing rates by class and by split.
    associations : tuple of Association
        Tests for dependent missingness.
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
        """Return the summary as JSON-serialisable values."""
        return asdict(self)


def summarise(data: MultimodalData) -> Summary:
    """Summarise a data set in one pass over its values, a few thousand samples at a time.

    Non-finite values are not searched for, because readers reject them.
    """
    scans = {name: scan(modality, _coded(data, name)) for name, modality in data.modalities.items()}
    # tests against the values of a target need a value of every sample
    is_mixed = data.target is not None and data.target.kind.is_mixed
    factors = replace(data, target=None) if is_mixed else data
    tables = missing_by(factors)
    tests = associations(factors)
    shared = leakage(
        data,
        {name: result.digests for name, result in scans.items()},
        {name: result.zero for name, result in scans.items()},
    )
    modalities = tuple(_modality_summary(data, name, result) for name, result in scans.items())
    findings = [
        *_missing_findings(data, tables, tests),
        *_leakage_findings(shared, modalities),
        *(Finding("warning", text) for text in leak_messages(data)),
        *(Finding("warning", text) for text in [sentinel_message(sentinels(data))] if text),
        *(finding for modality in modalities for finding in _feature_findings(modality, data)),
        *_duplicate_findings(data),
        *_target_findings(data),
    ]
    return Summary(
        data.n_samples,
        _target_summary(data.target),
        {} if data.split is None else next(table for table in tables if table.of == "split").n_samples,
        None if data.groups is None else len(np.unique(data.groups)),
        modalities,
        patterns(data),
        tables,
        tests,
        shared,
        tuple(sorted(findings, key=lambda finding: finding.severity != "warning")),
    )


def _modality_summary(data: MultimodalData, name: str, result: FeatureScan) -> ModalitySummary:
    modality, coded = data.modalities[name], _coded(data, name)
    names = data.feature_names.get(name) or range(modality.n_features)
    return ModalitySummary(
        name,
        modality.n_features,
        modality.is_sequence,
        modality.n_observed,
        1.0 - modality.n_observed / data.n_samples,
        None if result.lengths is None else _quantiles(result.lengths),
        result.typical,
        _indices(result.constant),
        _indices(result.exploding, coded),
        _indices(result.skewed, coded),
        0 if coded else int(result.zero.sum()),
        {str(names[index]): float(result.missing_cells[index]) for index in np.flatnonzero(result.missing_cells)},
    )


def _coded(data: MultimodalData, name: str) -> list[int]:
    """Return the indices of the features of a modality whose values are codes of categories or texts."""
    categories = data.categories.get(name, {})
    return [index for index, feature in enumerate(data.feature_names.get(name, ())) if feature in categories]


def _indices(mask: BoolArray, without: Sequence[int] = ()) -> tuple[int, ...]:
    return tuple(index for index in np.flatnonzero(mask).tolist() if index not in without)


def _quantiles(values: AnyArray) -> dict[str, float]:
    return {f"{level:.0%}": float(np.quantile(values, level)) for level in QUANTILES}


def _target_summary(target: Target | None) -> dict[str, Any]:
    if target is None:
        return {"kind": "none"}
    if target.kind.is_mixed:
        parts = {
            name: {**_target_summary(target.of_part(name)), "n_labelled": int(target.labelled(name).sum())}
            for name in target.part_names
        }
        return {"kind": target.kind, "parts": parts}
    if target.kind.is_survival:
        times, events = target.values.T
        n_events = int(events.sum())
        of_events = {"event": n_events, "censored": len(events) - n_events}
        return {"kind": target.kind, "counts": of_events, "quantiles": [_quantiles(times)]}
    if target.classes is None:
        columns = target.values.reshape(len(target.values), -1).T
        return {"kind": target.kind, "quantiles": [_quantiles(column) for column in columns]}
    codes = target.values
    counts = np.bincount(codes, minlength=len(target.classes)) if target.is_classification else codes.sum(axis=0)
    return {"kind": target.kind, "counts": dict(zip(map(str, target.classes), map(int, counts), strict=True))}


def _missing_findings(
    data: MultimodalData, tables: tuple[MissingTable, ...], tests: tuple[Association, ...]
) -> list[Finding]:
    findings = []
    # with few samples, a modality may be missing in all samples of a level by chance: only report significant cases
    dependent = {(test.modality, test.on) for test in tests if test.depends}
    reported = set()
    for table in tables:
        for name in data.names:
            levels = _levels_without(table, name) if (name, table.of) in dependent else []
            if levels:
                reported.add((name, table.of))
                n_samples = sum(table.n_samples[level] for level in levels)
                text = f"{name} is missing in all {n_samples} samples of {table.of} {_listed(levels)}"
                findings.append(Finding("warning", f"{text} but not in all others: {table.of}-dependent"))
    for test in tests:
        if test.depends and (test.modality, test.on) not in reported:
            severity: Literal["warning", "note"] = "warning" if test.on in ("class", "target", "split") else "note"
            text = f"missingness of {test.modality} depends on {_factor(test.on)} (p = {test.adjusted:.1g})"
            findings.append(Finding(severity, f"{text}: not missing completely at random"))
    never_observed = [name for name, modality in data.modalities.items() if not modality.n_observed]
    findings += [Finding("warning", f"{name} is missing in every sample") for name in never_observed]
    n_empty = int((~data.availability.any(axis=1)).sum())
    return findings + ([Finding("warning", f"{n_empty} samples have no modality at all")] if n_empty else [])


def _levels_without(table: MissingTable, name: str) -> list[str]:
    """Return the levels at which modality `name` is always missing; empty if it is always missing at all levels."""
    rates = table.rates[name]
    levels = [level for level, rate in rates.items() if rate == 1]
    return levels if len(levels) < len(rates) else []


def _factor(on: str) -> str:
    return f"the availability of {on.removeprefix('modality ')}" if on.startswith("modality ") else f"the {on}"


def _leakage_findings(shared: Leakage | None, modalities: tuple[ModalitySummary, ...]) -> list[Finding]:
    if shared is None:
        return []
    findings = []
    if shared.n_ids:
        text = f"{shared.n_ids} sample ids occur in several splits if case and surrounding spaces are ignored"
        findings.append(Finding("warning", f"{text}: {_listed(shared.ids)}"))
    if shared.n_groups:
        findings.append(
            Finding("warning", f"{shared.n_groups} groups occur in several splits: {_listed(shared.groups)}")
        )
    if shared.n_identical_samples:
        text = f"{shared.n_identical_samples} validation or test samples are bit-identical to samples of another split"
        findings.append(Finding("warning", f"{text}: {_listed(shared.identical_samples)}"))
    for modality in modalities:
        n_identical = shared.identical[modality.name]
        if n_identical > shared.n_identical_samples and modality.n_features >= ENOUGH_FEATURES:
            text = (
                f"{modality.name} of {n_identical} validation or test samples is bit-identical to a sample of another"
            )
            findings.append(Finding("note", f"{text} split"))
    return findings


def _feature_findings(modality: ModalitySummary, data: MultimodalData) -> list[Finding]:
    name, findings = modality.name, []
    names = data.feature_names.get(name) or range(modality.n_features)
    if modality.exploding:
        exploding = _listed([names[index] for index in modality.exploding])
        text = f"values over {EXPLODING:g} times their 99% quantile"
        findings.append(Finding("warning", f"{name}: features {exploding} have {text}"))
    if modality.missing_cells:
        shares = [f"{feature} {share:.1%}" for feature, share in modality.missing_cells.items()]
        findings.append(Finding("note", f"{name}: cells are missing in observed samples ({_listed(shares)})"))
    if modality.n_zero:
        text = f"{name} is all zeros in {modality.n_zero} samples that count as observed"
        findings.append(Finding("warning", f"{text}: missing values written as zeros?"))
    if modality.constant and modality.n_observed > 1:
        constant = _listed([names[index] for index in modality.constant])
        findings.append(Finding("note", f"{name}: constant features: {constant}"))
    if len(modality.skewed) > modality.n_features / 4:
        text = f"{name}: {len(modality.skewed)} of {modality.n_features} features are skewed (skewness over {SKEWED:g})"
        findings.append(Finding("note", f"{text}; preprocessing=quantile may help"))
    if modality.n_observed and modality.typical and not TINY <= modality.typical <= HUGE:
        size = "tiny" if modality.typical < TINY else "huge"
        findings.append(Finding("note", f"{name}: values are {size} (median absolute value {modality.typical:.2g})"))
    return findings


def _duplicate_findings(data: MultimodalData) -> list[Finding]:
    groups = duplicated_columns(data)
    text = _listed([" = ".join(group[:MAX_LISTED]) for group in groups])
    return [Finding("note", f"columns have equal values: {text}")] if groups else []


def _target_findings(data: MultimodalData) -> list[Finding]:
    target, findings = data.target, []
    if target is None:
        return [Finding("note", "the data has no target")]
    if target.kind.is_mixed:
        return [
            Finding(finding.severity, f"target {name!r}: {finding.text}")
            for name in target.part_names
            if target.labelled(name).any()
            for finding in _target_findings(data.of_part(name))
        ]
    if target.kind.is_survival:
        return _absent_events(data, target)
    if not target.is_classification or target.classes is None:
        return []
    if values := numeric_classes(target):
        findings.append(Finding("warning", f"the target has {values}: a continuous target (task=numbers)?"))
    counts = np.bincount(target.values, minlength=target.n_outputs)
    if _has_long_runs(target.values, counts):
        findings.append(
            Finding("note", "samples come in long runs of one class (sorted?): shuffle before splitting into folds")
        )
    smallest = counts[counts > 0].min()
    if counts.max() >= IMBALANCED * smallest:
        findings.append(Finding("note", f"the largest class has {counts.max()} samples, the smallest {smallest}"))
    absent = [str(label) for label, count in zip(target.classes, counts, strict=True) if not count]
    findings += [Finding("note", f"classes without any sample: {_listed(absent)}")] if absent else []
    return findings + _absent_classes(data, target, counts)


def _absent_classes(data: MultimodalData, target: Target, counts: AnyArray) -> list[Finding]:
    if data.split is None or target.classes is None:
        return []
    findings = []
    for code, part in enumerate(SPLITS):
        in_part = np.bincount(target.values[data.split == code], minlength=len(counts))
        absent = [
            str(label) for label, n, total in zip(target.classes, in_part, counts, strict=True) if total and not n
        ]
        if absent and in_part.sum():
            severity: Literal["warning", "note"] = "warning" if part == "train" else "note"
            findings.append(Finding(severity, f"the {part} split has no sample of classes {_listed(absent)}"))
    return findings


def _absent_events(data: MultimodalData, target: Target) -> list[Finding]:
    events = target.values[:, 1]
    if not events.any():
        return [Finding("warning", f"no events: all {len(events)} times are censored")]
    if data.split is None:
        return []
    in_parts = {part: events[data.split == code] for code, part in enumerate(SPLITS)}
    empty = [part for part, own in in_parts.items() if own.size and not own.any()]
    return [Finding("warning" if part == "train" else "note", f"the {part} split has no event") for part in empty]


def _has_long_runs(codes: AnyArray, counts: AnyArray) -> bool:
    """Return True if the class changes between neighbours less than half as often as in random order."""
    n = len(codes)
    expected = (n - (counts.astype(np.float64) ** 2).sum() / n) if n else 0.0
    return bool(expected >= 5 and np.count_nonzero(np.diff(codes)) < expected / 2)


def _listed(values: Any) -> str:
    names = [str(value) for value in values]
    more = f", ... ({len(names)} in total)" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
