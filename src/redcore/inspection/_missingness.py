"""Missing patterns, missing rates by class and split, and tests for dependent missingness."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2_contingency, gamma, mannwhitneyu

from redcore._statistics import holm
from redcore._types import AnyArray, BoolArray, IntArray
from redcore.data._dataset import SPLITS, MultimodalData
from redcore.data._survival import martingale_residuals
from redcore.data._target import Target

__all__ = ["Association", "MissingTable", "Pattern", "associations", "missing_by", "patterns"]

LEVEL = 0.01
"""Significance level for Holm-adjusted p-values."""
LEAST_EXPECTED = 5.0
"""Smallest expected count for which the chi-square distribution is used."""
PERMUTATIONS = 2000
FEW_EXCEEDANCES = 10
"""With at most this many permutations as extreme as the data, the p-value comes from a fitted gamma distribution."""
PERMUTED_SAMPLES = 20_000
"""Largest number of samples for permutation tests; with more, levels with small expected counts are left out."""


@dataclass(frozen=True)
class Pattern:
    """Missing pattern: the observed modalities, and the number of samples with exactly these."""

    observed: tuple[str, ...]
    n_samples: int


@dataclass(frozen=True)
class MissingTable:
    """Missing rates by the levels of a factor.

    Attributes
    ----------
    of : str
        The factor, ``"class"`` or ``"split"``.
    n_samples : dict of str to int
        Number of samples per level.
    rates : dict of str to dict
        Missing rate of a modality at a level, ``rates[modality][level]``, in [0, 1].
    """

    of: str
    n_samples: dict[str, int]
    rates: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Association:
    """Test of association between the missingness of a modality and another variable.

    Attributes
    ----------
    modality : str
    on : str
        The other variable: ``"class"``, ``"target"``, ``"split"``, ``"group"`` or ``"modality <name>"`` (the
        availability of another modality).
    p_value, adjusted : float
        P-value, and p-value after Holm's correction over all tests of the data set.
    """

    modality: str
    on: str
    p_value: float
    adjusted: float

    @property
    def depends(self) -> bool:
        """True if the association is significant at level 0.01 after correction."""
        return self.adjusted < LEVEL


def patterns(data: MultimodalData) -> tuple[Pattern, ...]:
    """Return all missing patterns that occur, most frequent first."""
    rows, counts = np.unique(data.availability, axis=0, return_counts=True)
    names = np.array(data.names, dtype=object)
    unsorted = [Pattern(tuple(names[row]), int(count)) for row, count in zip(rows, counts, strict=True)]
    return tuple(sorted(unsorted, key=lambda pattern: (-pattern.n_samples, pattern.observed)))


def missing_by(data: MultimodalData) -> tuple[MissingTable, ...]:
    """Return the missing rates by class and by split, as far as the data has them."""
    tables = []
    target = data.target
    if target is not None and target.is_classification and target.classes is not None:
        tables.append(_table(data, "class", target.values, [str(label) for label in target.classes]))
    if data.split is not None:
        tables.append(_table(data, "split", data.split, SPLITS))
    return tuple(tables)


def _table(data: MultimodalData, of: str, codes: IntArray, levels: Sequence[str]) -> MissingTable:
    counts = np.bincount(codes, minlength=len(levels))
    present = np.flatnonzero(counts).tolist()
    rates = {}
    for name, modality in data.modalities.items():
        n_missing = np.bincount(codes[~modality.availability], minlength=len(levels))
        rates[name] = {levels[code]: float(n_missing[code] / counts[code]) for code in present}
    return MissingTable(of, {levels[code]: int(counts[code]) for code in present}, rates)


def associations(data: MultimodalData, seed: int = 0) -> tuple[Association, ...]:
    """Test the missingness of every modality for dependence on the other variables of the data.

    Classes, split, groups and the availability of other modalities are tested with a chi-square test, by permutation if
    an expected count is below 5. Regression and multi-label targets are tested with a Mann-Whitney test. Modalities
    that are always observed or always missing are left out. Without a significant association, the data is consistent
    with MCAR.

    Parameters
    ----------
    data : MultimodalData
    seed : int
        Seed of the permutations.
    """
    rng = np.random.default_rng(seed)
    tests = []
    for name, modality in data.modalities.items():
        missing = ~modality.availability
        if not 0 < missing.sum() < len(missing):
            continue
        for on, codes in _factors(data, name):
            tests.append((name, on, _chi_square_p_value(missing, codes, rng)))
        for values in _target_values(data.target):
            tests.append((name, "target", float(mannwhitneyu(values[missing], values[~missing]).pvalue)))
    adjusted = holm([p_value for _, _, p_value in tests])
    return tuple(Association(*test, p_value) for test, p_value in zip(tests, adjusted, strict=True))


def _factors(data: MultimodalData, name: str) -> Iterator[tuple[str, IntArray]]:
    """Yield the categorical variables to test the missingness of modality `name` against, with their codes."""
    factors: Mapping[str, AnyArray | None] = {
        "class": data.target.values if data.target is not None and data.target.is_classification else None,
        "split": data.split,
        "group": data.groups,
        **{
            f"modality {other}": modality.availability
            for other, modality in data.modalities.items()
            # test each pair of modalities once
            if other > name
        },
    }
    for on, levels in factors.items():
        if levels is not None:
            codes = np.unique(levels, return_inverse=True)[1]
            if 1 < codes.max() + 1 < len(codes):
                yield on, codes


def _target_values(target: Target | None) -> list[AnyArray]:
    """Return a list with one value per sample for targets other than classes, else an empty list."""
    if target is None or target.is_classification:
        return []
    if target.kind.is_survival:
        return [martingale_residuals(target.values)]
    return [target.values if target.values.ndim == 1 else target.values.sum(axis=1)]


def _chi_square_p_value(missing: BoolArray, codes: IntArray, rng: np.random.Generator) -> float:
    table = _contingency_table(missing, codes)
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / len(codes)
    if expected.min() >= LEAST_EXPECTED:
        return float(chi2_contingency(table, correction=False).pvalue)
    if len(codes) > PERMUTED_SAMPLES:
        table = table[:, expected.min(axis=0) >= LEAST_EXPECTED]
        return float(chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0
    observed = _statistic(table, expected)
    permuted = np.array(
        [_statistic(_contingency_table(rng.permutation(missing), codes), expected) for _ in range(PERMUTATIONS)]
    )
    p_value = float((1 + np.sum(permuted >= observed - 1e-9)) / (1 + PERMUTATIONS))
    if p_value > FEW_EXCEEDANCES / PERMUTATIONS or not permuted.var():
        return p_value
    # p-values near or below 1 / PERMUTATIONS cannot be estimated from counts: use the tail of a gamma distribution with
    # the mean and variance of the permuted statistic
    return float(gamma.sf(observed, permuted.mean() ** 2 / permuted.var(), scale=permuted.var() / permuted.mean()))


def _contingency_table(missing: BoolArray, codes: IntArray) -> AnyArray:
    """Return the numbers of missing and observed samples per level, (2, n_levels)."""
    n_levels = int(codes.max()) + 1
    n_missing = np.bincount(codes, weights=missing, minlength=n_levels)
    return np.stack([n_missing, np.bincount(codes, minlength=n_levels) - n_missing])


def _statistic(table: AnyArray, expected: AnyArray) -> float:
    return float(((table - expected) ** 2 / expected).sum())
