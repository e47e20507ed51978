"""Comparison of new data with the training data: planted shifts are found, and samples without a shift are not."""

import numpy as np
import pytest
import scipy.stats

from redcore import make_method
from redcore.data import MultimodalData, Target
from redcore.monitoring import Monitor, Reference, labelled_periods, make_reference
from redcore.monitoring._hypotheses import homogeneity, kolmogorov_smirnov, outside_range, psi, share_difference
from redcore.uncertainty import Calibration

pytestmark = pytest.mark.filterwarnings("ignore::redcore.exceptions.MissingCellsWarning")

WARDS = ("a", "b", "c")


def draw(seed, n_samples=400, *, missing=0.3, crp=0.0, wards=WARDS, regression=False):
    """Return data of two modalities: blood has numbers, empty cells and categories, and ecg is missing at random."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n_samples)
    blood = np.column_stack([np.exp(severity + crp), 13 - severity, rng.integers(0, len(wards), n_samples)])
    blood[rng.random(n_samples) < 0.1, 1] = np.nan
    ecg = severity[:, None] + rng.standard_cauchy(size=(n_samples, 3))
    number = severity + rng.normal(size=n_samples)
    return MultimodalData.from_arrays(
        {"blood": blood, "ecg": ecg},
        Target.from_numbers(number) if regression else Target.from_labels(np.where(number > 0, "ill", "well")),
        availability={"blood": np.ones(n_samples, bool), "ecg": rng.random(n_samples) >= missing},
        feature_names={"blood": ["crp", "hb", "ward"]},
        categories={"blood": {"ward": wards}},
    )


@pytest.fixture(scope="module")
def method():
    return make_method("late_fusion").fit(draw(0))


@pytest.fixture(scope="module")
def reference(method):
    content, arrays = make_reference(method, draw(0), draw(1)).to_content()
    return Reference.from_content(content, arrays)


def comparison(method, reference, data):
    data, monitor = method.schema.conform(data), Monitor(method, reference)
    # the samples of a data set can be added in several parts
    for rows in np.array_split(np.arange(data.n_samples), 3):
        monitor.add(data.take(rows), method.predict(data.take(rows)))
    return monitor.compare()


def shifted(result):
    return {(test.kind, test.modality, test.feature) for test in result.shifts}


def test_twenty_draws_without_a_shift_have_none(method, reference):
    results = [comparison(method, reference, draw(seed, 100 * (1 + seed % 5))) for seed in range(100, 120)]
    assert [result.has_shifted for result in results] == [False] * 20
    assert [result.n_new for result in results[:2]] == [100, 200]
    assert min(len(result.tests) for result in results) >= 15


def test_a_planted_change_of_a_missing_rate_is_found(method, reference):
    result = comparison(method, reference, draw(2, missing=0.6))
    assert shifted(result) == {("missing rate", "ecg", None), ("patterns", None, None)}
    assert "modality 'ecg' is missing in 5" in result.messages()[0]


def test_a_planted_change_of_a_feature_is_found(method, reference):
    result = comparison(method, reference, draw(3, crp=0.7))
    assert ("distribution", "blood", "crp") in shifted(result)
    assert {feature for kind, _, feature in shifted(result) if kind == "distribution"} == {"crp"}
    [profile] = [profile for profile in result.profiles if profile.feature == "crp"]
    assert profile.new[-1] > 2 * profile.reference[-1] == pytest.approx(0.2, abs=0.02)


@pytest.mark.filterwarnings("ignore::redcore.exceptions.UnseenCategoryWarning")
def test_a_planted_new_category_is_found(method, reference):
    result = comparison(method, reference, draw(4, wards=("a", "b", "c", "d")))
    assert shifted(result) == {("categories", "blood", "ward")}
    assert any("values of ward are categories that do not occur" in line for line in map(plural, result.messages()))
    assert sorted(result.profiles[0].labels[:4]) == ["a", "b", "c", "unknown"]


def plural(line):
    return line.replace("value(s)", "values")


def test_a_value_far_outside_and_an_unseen_pattern_are_named(method, reference):
    data = draw(5, 30, missing=0.0)
    blood = data.modalities["blood"].values.copy()
    blood[3, 1] = -999.0
    hidden = np.ones((30, 2), dtype=bool)
    hidden[7] = [False, True]
    arrays = {"blood": blood, "ecg": data.modalities["ecg"].values}
    options = {"feature_names": data.feature_names, "categories": data.categories, "availability": hidden}
    result = comparison(method, reference, MultimodalData.from_arrays(arrays, **options))
    assert "1 of 30 samples have a missing pattern that does not occur in training: ecg" in result.messages()
    assert any("1 value(s) of hb are far outside the training range" in line for line in result.messages())


def test_regression_compares_the_predicted_numbers():
    train = draw(0, regression=True)
    method = make_method("late_fusion").fit(train)
    reference = make_reference(method, train, draw(1, regression=True))
    assert not comparison(method, reference, draw(6, regression=True)).has_shifted
    assert ("predictions", None, "prediction") in shifted(
        comparison(method, reference, draw(7, crp=2, regression=True))
    )


def test_sequences_are_compared_by_mean_and_length():
    rng = np.random.default_rng(0)

    def sequences(length):
        steps = [rng.normal(size=(int(rng.integers(1, length)), 2)) for _ in range(200)]
        return MultimodalData.from_arrays({"gait": steps}, Target.from_labels(np.arange(200) % 2))

    data = sequences(10)
    method = make_method("prior").fit(data)
    reference = make_reference(method, data)
    assert not comparison(method, reference, sequences(10)).has_shifted
    assert ("distribution", "gait", "number of time steps") in shifted(comparison(method, reference, sequences(30)))


def test_samples_of_one_group_are_not_independent():
    rng = np.random.default_rng(0)

    def patients(n_patients):
        values = np.repeat(rng.normal(size=(n_patients, 1)), 40, axis=0)
        groups = np.repeat(np.arange(n_patients), 40)
        return MultimodalData.from_arrays({"x": values}, Target.from_labels(np.arange(len(groups)) % 2), groups=groups)

    train = patients(20)
    method = make_method("prior").fit(train)
    reference = make_reference(method, train)
    assert not any(comparison(method, reference, patients(20)).has_shifted for _ in range(20))


def test_a_profile_of_twenty_thousand_features_is_small():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 20_000)).astype(np.float32)
    data = MultimodalData.from_arrays({"genes": values}, Target.from_labels(np.arange(50) % 2))
    method = make_method("prior").fit(data)
    _, arrays = make_reference(method, data).to_content()
    assert sum(array.nbytes for array in arrays.values()) < 4.5e6


def test_missing_rates_up_to_that_of_the_protocol_are_expected(method):
    reference = make_reference(method, draw(0, missing=0.0), draw(1), {"ecg": 0.5, "blood": 0.0})
    assert not comparison(method, reference, draw(8, missing=0.4)).has_shifted
    assert ("missing rate", "ecg", None) in shifted(comparison(method, reference, draw(9, missing=0.8)))


def test_coverage_over_time_falls_if_the_target_changes():
    train, later = draw(0, regression=True), draw(1, 200, regression=True)
    method = make_method("late_fusion").fit(train)
    calibration = Calibration.fit(method, draw(2, regression=True))
    [same] = labelled_periods(method, later, method.predict(later), calibration)
    assert same.coverage == pytest.approx(0.9, abs=0.06)
    assert not same.covers_too_little
    values = later.target.values + np.linspace(0, 6, 200)[::-1]
    changed = MultimodalData.from_arrays(
        {"blood": later.modalities["blood"].values},
        Target.from_numbers(values),
        feature_names=later.feature_names,
        categories=later.categories,
    )
    periods = labelled_periods(method, changed, method.predict(changed), calibration, np.arange(200)[::-1])
    assert len(periods) == 4
    assert [period.start for period in periods[:2]] == ["0", "50"]
    assert periods[0].coverage > 0.6
    assert periods[-1].coverage < 0.2
    assert periods[-1].covers_too_little


def test_tests_agree_with_scipy():
    old, new = np.array([50, 30, 20]), np.array([40, 50, 10])
    assert homogeneity(old, new) == pytest.approx(scipy.stats.chi2_contingency([old, new], correction=False).pvalue)
    table = [[100, 300], [60, 340]]
    name, p_value = share_difference((100, 400), (60, 400))
    assert name == "chi-square"
    assert p_value == pytest.approx(scipy.stats.chi2_contingency(table).pvalue)
    name, p_value = share_difference((3, 40), (9, 30))
    greater = scipy.stats.fisher_exact([[9, 21], [3, 37]], alternative="greater").pvalue
    assert (name, p_value) == ("Fisher", pytest.approx(2 * greater))
    expected = scipy.stats.kstwobign.sf(0.2 * (100 * 50 / 150) ** 0.5)
    np.testing.assert_allclose(kolmogorov_smirnov(np.array([0.2]), np.array([100]), np.array([50])), expected)
    assert psi(np.array([50, 50]), np.array([50, 50])) == 0


def test_the_range_test_has_its_level_for_any_distribution():
    rng = np.random.default_rng(0)
    old, new = rng.standard_cauchy((4000, 50)), rng.standard_cauchy((4000, 20))
    below = (new < old.min(axis=1, keepdims=True)).sum(axis=1)
    above = (new > old.max(axis=1, keepdims=True)).sum(axis=1)
    p_values = outside_range(below, above, np.full(4000, 50), np.full(4000, 20), (1.0, 1.0))
    assert 0.01 < (p_values < 0.05).mean() <= 0.055
