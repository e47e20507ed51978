"""Tests of the hypothesis that new samples have the distribution of the training data."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from redcore._statistics import holm
from redcore._types import AnyArray
from redcore.data import Schema
from redcore.monitoring._columns import ColumnCounts, Columns
from redcore.monitoring._counts import Counts
from redcore.monitoring._hypotheses import homogeneity, kolmogorov_smirnov, outside_range, psi, share_difference
from redcore.monitoring._messages import Fact, fact_messages, shift_messages
from redcore.monitoring._profiles import Profile, decile_counts, profile
from redcore.monitoring._reference import Reference

__all__ = ["ALPHA", "Comparison", "DriftTest", "compare"]

ALPHA = 0.01
"""Family-wise error rate: the probability of a shift in the result for data without any."""

MIN_DISTANCE = 0.05
"""Smallest distance that counts as a shift. Smaller differences are significant in large data, but harmless."""

MAX_PROFILES = 24
PROFILED = ("distribution", "categories", "range")
"""Kinds of tests whose features are shown as distributions."""

Kind = Literal["missing rate", "patterns", "missing cells", "range", "distribution", "categories", "predictions"]


@dataclass(frozen=True)
class DriftTest:
    """Comparison of one quantity.

    Attributes
    ----------
    kind : str
        "missing rate" of a modality, shares of the missing "patterns", share of "missing cells" of a feature, share of
        values outside the training "range", "distribution" of numbers, shares of "categories", or "predictions".
    modality, feature : str or None
    statistic : str
        Name of the test.
    reference, new : float or None
        Shares that are compared; None for distributions.
    distance : float
        In [0, 1]: difference of two shares, largest difference of two cumulative distributions, or total variation
        distance of categories.
    psi : float or None
        Population stability index.
    p_value : float
    adjusted : float
        p-value after Holm's correction for all tests of the comparison.
    shifted : bool
        True if `adjusted` is below 0.01 and `distance` is at least 0.05 (any distance for "range").
    """

    kind: Kind
    modality: str | None
    feature: str | None
    statistic: str
    reference: float | None
    new: float | None
    distance: float
    psi: float | None
    p_value: float
    adjusted: float = 1.0
    shifted: bool = False


@dataclass(frozen=True, eq=False)
class Comparison:
    """Comparison of new samples with the training data of a model.

    Attributes
    ----------
    n_reference, n_new : int
        Numbers of samples.
    tests : list of DriftTest
    facts : list of Fact
        Single samples that differ from all training samples, such as those with an unseen missing pattern. They need
        not be a shift of the distribution.
    profiles : list of Profile
        Distributions of at most 24 shifted features, those with the largest distances.
    """

    n_reference: int
    n_new: int
    tests: list[DriftTest]
    facts: list[Fact]
    profiles: list[Profile]

    @property
    def shifts(self) -> list[DriftTest]:
        """Tests with a shift."""
        return [test for test in self.tests if test.shifted]

    @property
    def has_shifted(self) -> bool:
        """True if any test has a shift."""
        return bool(self.shifts)

    def messages(self) -> list[str]:
        """Return one line per kind of shift and modality, and one per kind of fact."""
        return [*shift_messages(self.shifts, self.n_new), *fact_messages(self.facts, self.n_new)]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-serialisable dicts."""
        return {
            "n_reference": self.n_reference,
            "n_samples": self.n_new,
            "has_shifted": self.has_shifted,
            "alpha": ALPHA,
            "correction": "Holm",
            "messages": self.messages(),
            "tests": [asdict(test) for test in self.tests],
            "facts": [asdict(fact) for fact in self.facts],
            "profiles": [asdict(profile) for profile in self.profiles],
        }


def compare(reference: Reference, new: Counts, schema: Schema) -> Comparison:
    """Compare new samples with the training data.

    The tests are, for every column, a two-sample Kolmogorov-Smirnov test at the edges of `Columns` (numbers) or a
    chi-square test (categories), an exact test of the share of values outside the training range, and an exact or
    chi-square test of missing cells; for every modality a test of its missing rate; and chi-square tests of the missing
    patterns and of the predicted classes. p-values are adjusted by Holm's method over all of them.

    Parameters
    ----------
    reference : Reference
    new : Counts
        Result of `Reference.count`.
    schema : Schema
        Schema of the model.
    """
    old = reference.counts
    ratios = (old.independent_share, new.independent_share)
    tests = [*_availability_tests(reference, new, ratios)]
    for name, columns in reference.modalities.items():
        tests += _column_tests(name, columns, old.modalities[name], new.modalities[name], ratios)
    class_names = [] if schema.classes is None else [str(label) for label in schema.classes.tolist()]
    tests += _prediction_tests(reference, new, class_names, ratios)
    adjusted = holm([test.p_value for test in tests])
    tests = [_decided(test, p_value) for test, p_value in zip(tests, adjusted, strict=True)]
    shifts = sorted((test for test in tests if test.shifted), key=lambda test: -test.distance)
    features = list(dict.fromkeys((test.modality, test.feature) for test in shifts if test.kind in PROFILED))
    profiles = [profile(reference, new, schema, *feature) for feature in features[:MAX_PROFILES]]
    return Comparison(old.n_samples, new.n_samples, tests, _facts(reference, new), profiles)


def _decided(test: DriftTest, adjusted: float) -> DriftTest:
    large = test.kind == "range" or test.distance >= MIN_DISTANCE
    return replace(test, adjusted=adjusted, shifted=adjusted < ALPHA and large)


def _share_test(
    kind: Kind, names: tuple[str | None, str | None], old: tuple[int, int], new: tuple[int, int], ratios: Any
) -> DriftTest:
    """Compare two shares, given as (count, total)."""
    shares = [count / max(1, total) for count, total in (old, new)]
    statistic, p_value = share_difference(old, new, ratios)
    return DriftTest(kind, *names, statistic, shares[0], shares[1], abs(shares[1] - shares[0]), None, p_value)


def _availability_tests(reference: Reference, new: Counts, ratios: tuple[float, float]) -> list[DriftTest]:
    old, tests = reference.counts, []
    for name in reference.modalities:
        missing = [(counts.n_samples - counts.observed[name], counts.n_samples) for counts in (old, new)]
        low, high = sorted((old.missing_rate(name), reference.trained_rates.get(name, old.missing_rate(name))))
        if low < high and low <= new.missing_rate(name) <= high:
            continue  # between the rate of the data and that of the missing protocol, for which the model was fitted
        tests.append(_share_test("missing rate", (name, None), missing[0], missing[1], ratios))
    p_value = homogeneity(old.patterns * ratios[0], new.patterns * ratios[1])
    if p_value is not None and not _is_amputed(reference):
        distance = total_variation(old.patterns, new.patterns)
        index = float(psi(old.patterns, new.patterns))
        tests.append(DriftTest("patterns", None, None, "chi-square", None, None, distance, index, p_value))
    return tests


def _is_amputed(reference: Reference) -> bool:
    """Return True if the model was fitted with more missing modalities than its data has."""
    return any(rate > reference.counts.missing_rate(name) + 1e-9 for name, rate in reference.trained_rates.items()
               if name in reference.modalities)  # fmt: skip


def total_variation(old: AnyArray, new: AnyArray) -> float:
    """Return the total variation distance of two distributions of counts."""
    shares = [counts / max(1, counts.sum()) for counts in (old, new)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _column_tests(
    name: str, columns: Columns, old: ColumnCounts, new: ColumnCounts, ratios: tuple[float, float]
) -> list[DriftTest]:
    """Compare the columns of one modality."""
    tests: list[DriftTest] = []
    for column, feature in enumerate(columns.names):
        if not (old.known[column] and new.known[column]):
            continue
        missing = [(int(counts.n_values - counts.known[column]), counts.n_values) for counts in (old, new)]
        if missing[0][0] or missing[1][0]:
            tests.append(_share_test("missing cells", (name, feature), missing[0], missing[1], ratios))
        if column in columns.n_categories:
            tests += _category_tests(name, feature, old.categories[column], new.categories[column], ratios)
    return tests + _number_tests("distribution", name, columns, old, new, ratios)


def _category_tests(
    name: str, feature: str, old: AnyArray, new: AnyArray, ratios: tuple[float, float]
) -> list[DriftTest]:
    p_value = homogeneity(old * ratios[0], new * ratios[1])
    if p_value is None:
        return []
    distance = total_variation(old, new)
    return [DriftTest("categories", name, feature, "chi-square", None, None, distance, float(psi(old, new)), p_value)]


def _number_tests(
    kind: Kind,
    name: str | None,
    columns: Columns,
    old: ColumnCounts,
    new: ColumnCounts,
    ratios: tuple[float, float],
) -> list[DriftTest]:
    """Compare the distributions of all numeric columns, and the shares outside their training ranges."""
    numeric = np.array([index not in columns.n_categories for index in range(len(columns.names))], dtype=bool)
    rows = np.flatnonzero(numeric & (old.known > 0) & (new.known > 0))
    if not rows.size:
        return []
    n_old, n_new = old.known[rows], new.known[rows]
    cumulative = [1 - counts.greater[rows] / counts.known[rows, None] for counts in (old, new)]
    distances = np.abs(cumulative[0] - cumulative[1]).max(axis=1)
    p_values = kolmogorov_smirnov(distances, n_old * ratios[0], n_new * ratios[1])
    indices = psi(decile_counts(old, rows), decile_counts(new, rows))
    outside = [(counts.below()[rows] + counts.above()[rows]) / counts.known[rows] for counts in (old, new)]
    p_outside = outside_range(new.below()[rows], new.above()[rows], n_old, n_new, ratios)
    tests = []
    for place, column in enumerate(rows.tolist()):
        names = (name, columns.names[column])
        distance, index = float(distances[place]), float(indices[place])
        p_value = float(p_values[place])
        tests.append(DriftTest(kind, *names, "Kolmogorov-Smirnov", None, None, distance, index, p_value))
        if kind == "distribution":
            shares = (float(outside[0][place]), float(outside[1][place]))
            p_value = float(p_outside[place])
            tests.append(DriftTest("range", *names, "exact rank test", *shares, shares[1] - shares[0], None, p_value))
    return tests


def _prediction_tests(
    reference: Reference, new: Counts, class_names: list[str], ratios: tuple[float, float]
) -> list[DriftTest]:
    old = reference.counts
    if reference.outputs is not None and old.outputs is not None and new.outputs is not None:
        return _number_tests("predictions", None, reference.outputs, old.outputs, new.outputs, ratios)
    assert old.classes is not None
    assert new.classes is not None
    if reference.is_multilabel:
        counts = zip(class_names, old.classes.tolist(), new.classes.tolist(), strict=True)
        return [
            _share_test("predictions", (None, name), (before, old.n_predictions), (after, new.n_predictions), ratios)
            for name, before, after in counts
        ]
    p_value = homogeneity(old.classes * ratios[0], new.classes * ratios[1])
    if p_value is None:
        return []
    distance, index = total_variation(old.classes, new.classes), float(psi(old.classes, new.classes))
    differences = new.classes / max(1, new.classes.sum()) - old.classes / max(1, old.classes.sum())
    largest = int(np.abs(differences).argmax())
    shares = [float(counts[largest] / max(1, counts.sum())) for counts in (old.classes, new.classes)]
    name = class_names[largest]
    return [DriftTest("predictions", None, name, "chi-square", shares[0], shares[1], distance, index, p_value)]


def _facts(reference: Reference, new: Counts) -> list[Fact]:
    facts = []
    if new.patterns[-1] and not reference.counts.patterns[-1]:
        facts.append(Fact("unseen patterns", None, tuple(new.unseen), int(new.patterns[-1])))
    for name, columns in reference.modalities.items():
        counts = new.modalities[name]
        for column, categories in counts.categories.items():
            if categories[-1]:
                facts.append(Fact("unseen categories", name, (columns.names[column],), int(categories[-1])))
        far = counts.far()
        far[list(columns.n_categories)] = 0
        names = tuple(columns.names[column] for column in np.flatnonzero(far).tolist())
        if names:
            facts.append(Fact("far outside the range", name, names, int(far.sum())))
    return facts
