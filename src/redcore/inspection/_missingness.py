"""What is missing: patterns, rates by class and split, and tests of what missingness depends on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2_contingency, gamma, mannwhitneyu

from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._dataset import PARTS, MultimodalData
from redcore.data._target import Target

__all__ = ["Association", "MissingTable", "Pattern", "associations", "missing_by", "patterns"]

LEVEL = 0.01
"""Holm-adjusted level below which missingness is said to depend on something."""
LEAST_EXPECTED = 5.0
PERMUTATIONS = 2000
FEW = 10
PERMUTED_SAMPLES = 20_000
"""With more samples than this, levels that are too rare for the chi-square distribution are left out instead."""


@dataclass(frozen=True)
class Pattern:
    """A missing pattern: the modalities that are observed, and how many samples have just these."""

    observed: tuple[str, ...]
    n_samples: int


@dataclass(frozen=True)
class MissingTable:
    """Missing rate of every modality by the levels of something: ``rates[modality][level]``."""

    of: str
    n_samples: dict[str, int]
    rates: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Association:
    """A test of whether missing depends on something.

    Attributes
    ----------
    modality : str
    on : str
        ``"class"``, ``"target"``, ``"split"``, ``"group"`` or ``"modality <name>"``.
    p_value, adjusted : float
        As tested, and after Holm's correction over all tests of the data set.
    """

    modality: str
    on: str
    p_value: float
    adjusted: float

    @property
    def depends(self) -> bool:
        """Whether the test says so, at level 0.01."""
        return self.adjusted < LEVEL


def patterns(data: MultimodalData) -> tuple[Pattern, ...]:
    """Return all missing patterns that occur, the most frequent first."""
    rows, counts = np.unique(data.availability, axis=0, return_counts=True)
    names = np.array(data.names, dtype=object)
    found = [Pattern(tuple(names[row]), int(count)) for row, count in zip(rows, counts, strict=True)]
    return tuple(sorted(found, key=lambda pattern: (-pattern.n_samples, pattern.observed)))


def missing_by(data: MultimodalData) -> tuple[MissingTable, ...]:
    """Return the missing rates by class and by split, where the data has those."""
    tables = []
    target = data.target
    if target is not None and target.is_classification and target.classes is not None:
        tables.append(_table(data, "class", target.values, [str(label) for label in target.classes]))
    if data.split is not None:
        tables.append(_table(data, "split", data.split, list(PARTS)))
    return tuple(tables)


def _table(data: MultimodalData, of: str, codes: IntArray, levels: Sequence[str]) -> MissingTable:
    counts = np.bincount(codes, minlength=len(levels))
    present = np.flatnonzero(counts).tolist()
    rates = {}
    for name, modality in data.modalities.items():
        gone = np.bincount(codes[~modality.availability], minlength=len(levels))
        rates[name] = {levels[code]: float(gone[code] / counts[code]) for code in present}
    return MissingTable(of, {levels[code]: int(counts[code]) for code in present}, rates)


def associations(data: MultimodalData, seed: int = 0) -> tuple[Association, ...]:
    """Test what the missingness of every modality depends on, of all that the data tells.

    Classes, split, groups and the availability of other modalities: chi-square test, by permutation where expected
    counts are below 5. Numbers: Mann-Whitney test. If nothing is found, nothing speaks against MCAR.
    """
    rng = np.random.default_rng(seed)
    tested = []
    for name, modality in data.modalities.items():
        gone = ~modality.availability
        if not 0 < gone.sum() < len(gone):
            continue
        for on, codes in _factors(data, name):
            tested.append((name, on, _chi_square(gone, codes, rng)))
        for numbers in _numbers(data.target):
            tested.append((name, "target", float(mannwhitneyu(numbers[gone], numbers[~gone]).pvalue)))
    adjusted = _holm(np.array([p_value for _, _, p_value in tested]))
    return tuple(Association(*test, float(level)) for test, level in zip(tested, adjusted, strict=True))


def _factors(data: MultimodalData, name: str) -> Iterator[tuple[str, IntArray]]:
    factors: Mapping[str, AnyArray | None] = {
        "class": data.target.values if data.target is not None and data.target.is_classification else None,
        "split": data.split,
        "group": data.groups,
        **{
            f"modality {other}": modality.availability
            for other, modality in data.modalities.items()
            # each pair once
            if other > name
        },
    }
    for on, levels in factors.items():
        if levels is not None:
            codes = np.unique(levels, return_inverse=True)[1]
            if 1 < codes.max() + 1 < len(codes):
                yield on, codes


def _numbers(target: Target | None) -> list[AnyArray]:
    if target is None or target.is_classification:
        return []
    return [target.values if target.values.ndim == 1 else target.values.sum(axis=1)]


def _chi_square(gone: BoolArray, codes: IntArray, rng: np.random.Generator) -> float:
    table = _counts(gone, codes)
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / len(codes)
    if expected.min() >= LEAST_EXPECTED:
        return float(chi2_contingency(table, correction=False).pvalue)
    if len(codes) > PERMUTED_SAMPLES:
        table = table[:, expected.min(axis=0) >= LEAST_EXPECTED]
        return float(chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0
    observed = _statistic(table, expected)
    drawn = np.array([_statistic(_counts(rng.permutation(gone), codes), expected) for _ in range(PERMUTATIONS)])
    share = float((1 + np.sum(drawn >= observed - 1e-9)) / (1 + PERMUTATIONS))
    if share > FEW / PERMUTATIONS or not drawn.var():
        return share
    # beyond what so many permutations can tell: the tail of a gamma distribution with their mean and variance
    return float(gamma.sf(observed, drawn.mean() ** 2 / drawn.var(), scale=drawn.var() / drawn.mean()))


def _counts(gone: BoolArray, codes: IntArray) -> AnyArray:
    n_levels = int(codes.max()) + 1
    missing = np.bincount(codes, weights=gone, minlength=n_levels)
    return np.stack([missing, np.bincount(codes, minlength=n_levels) - missing])


def _statistic(table: AnyArray, expected: AnyArray) -> float:
    return float(((table - expected) ** 2 / expected).sum())


def _holm(p_values: AnyArray) -> AnyArray:
    order = np.argsort(p_values, kind="stable")
    steps = np.minimum(1.0, p_values[order] * (len(order) - np.arange(len(order))))
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted
