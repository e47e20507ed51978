"""Common properties of all protocols, and statistical tests of their documented mechanisms."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, multivariate_normal, norm, pearsonr
from sklearn.linear_model import LogisticRegression

from redcore._discovery import names
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, MissingRateError, SettingsError, ShapeError, TargetError, UnknownNameError
from redcore.missing import ampute, draw_availability, removes_steps, takes_rates
from redcore.missing._scores import energy, normal_scores
from redcore.testing import PROTOCOLS, ProtocolSubject
from redcore.testing._protocols import protocol_data

N = 6000
RATES = {"a": 0.0, "b": 0.3, "c": 0.5}
OPTIONS = {
    "fixed_patterns": {"patterns": "a+b,c,a", "shares": "1,1,2"},
    "pattern_counts": {"counts": "a+b=1500,c=1500,a=3000"},
    "block": {"length": 20},
}


@pytest.fixture(scope="module")
def data():
    return protocol_data()


def ampute_with(data, protocol, seed=0, rates=None, at_least_one=True, **options):
    rates = (RATES if takes_rates(protocol) else {}) if rates is None else rates
    if protocol == "shared":
        rates = dict.fromkeys("abc", 0.4)
    rng = np.random.default_rng(seed)
    return ampute(data, protocol, rates, rng, options=options or OPTIONS.get(protocol), at_least_one=at_least_one)


def missing(*arguments, **options):
    return ~ampute_with(*arguments, **options).availability


def log_odds_slope(score, is_missing):
    """Return the log-odds ratio of missing per unit of score, and its standard error."""
    fitted = LogisticRegression(C=1e10).fit(score[:, None], is_missing)
    probability = fitted.predict_proba(score[:, None])[:, 1]
    design = np.stack([np.ones_like(score), score], axis=1)
    information = design.T @ (design * (probability * (1 - probability))[:, None])
    return float(fitted.coef_[0, 0]), float(np.sqrt(np.linalg.inv(information)[1, 1]))


# common properties

EXPECTED = {
    "fixed_patterns": {"a": 0.25, "b": 0.75, "c": 0.75},
    "pattern_counts": {"a": 0.25, "b": 0.75, "c": 0.75},
}
TOLERANCE = {"block": 0.01, "bernoulli": 5 * np.sqrt(0.25 / N)}


@pytest.mark.parametrize("protocol", names("redcore.missing"))
@pytest.mark.parametrize("clause", PROTOCOLS.clauses)
def test_contract(protocol, clause):
    if (protocol, clause) == ("dependent", "missing_modalities_stay_missing"):
        pytest.skip("the protocol needs a modality that is always observed")
    rates = dict.fromkeys("abc", 0.4) if protocol == "shared" else None
    tolerance = TOLERANCE.get(protocol, 1e-9)
    subject = ProtocolSubject(protocol, OPTIONS.get(protocol), rates, EXPECTED.get(protocol), tolerance)
    PROTOCOLS.check_clause(clause, subject)


def test_protocols_that_depend_on_samples_need_them():
    rng = np.random.default_rng(0)
    for protocol in ("label_dependent", "value_dependent", "dependent", "partial"):
        with pytest.raises(DataError, match=f"'{protocol}' .* use ampute"):
            draw_availability(protocol, 10, RATES, rng)
    assert [name for name in names("redcore.missing") if removes_steps(name)] == ["partial"]


# missing completely at random


@pytest.mark.parametrize("protocol", ["shared", "imbalanced", "bernoulli", "fixed_patterns", "correlated", "block"])
def test_mcar_does_not_depend_on_the_class(data, protocol):
    p_values = []
    for seed in range(200):
        is_missing = missing(data, protocol, seed)[:, 2]
        table = np.array([np.bincount(data.target.values[is_missing == state], minlength=3) for state in (False, True)])
        p_values.append(chi2_contingency(table).pvalue)
    # under the null hypothesis 20 of 200 p-values are below 0.1, with a standard deviation of 4.2
    assert np.sum(np.array(p_values) < 0.1) < 20 + 4 * 4.2


def test_patterns_occur_in_their_shares(data):
    is_missing = missing(data, "fixed_patterns")
    patterns, counts = np.unique(is_missing, axis=0, return_counts=True)
    assert dict(zip(map(tuple, (~patterns).tolist()), counts.tolist(), strict=True)) == {
        (True, True, False): 1500,
        (False, False, True): 1500,
        (True, False, False): 3000,
    }
    exact = missing(data, "pattern_counts", counts={"b": 1, "a+c": N - 1})
    assert exact.sum(axis=0).tolist() == [1, N - 1, 1]


@pytest.mark.parametrize(
    ("protocol", "options", "error", "message"),
    [
        ("fixed_patterns", {"patterns": "a+d"}, UnknownNameError, "unknown modality of pattern 'a.d' 'd'"),
        ("fixed_patterns", {"patterns": "nothing"}, MissingRateError, "leaves samples without any modality"),
        (
            "fixed_patterns",
            {"patterns": "a,b", "shares": "1"},
            SettingsError,
            r"1 shares, expected 2 \(one per pattern\)",
        ),
        ("pattern_counts", {"counts": "a=1000,b=2000"}, MissingRateError, "nearest possible: a=2000,b=4000"),
    ],
)
def test_impossible_patterns(data, protocol, options, error, message):
    with pytest.raises(error, match=message):
        ampute_with(data, protocol, **options)


def test_empty_pattern_needs_at_least_one_false(data):
    assert missing(data, "fixed_patterns", patterns="nothing", at_least_one=False).all()
    with pytest.raises(MissingRateError, match="takes no missing rates"):
        ampute_with(data, "fixed_patterns", rates=RATES, patterns="a")


@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.9])
def test_correlated_failures_follow_the_gaussian_copula(data, correlation):
    rates = {"a": 0.3, "b": 0.3, "c": 0.6}
    is_missing = missing(data, "correlated", rates=rates, correlation=correlation, at_least_one=False)
    for one, two in ((0, 1), (0, 2)):
        limits = norm.ppf(list(rates.values()))[[one, two]]
        both = multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf(limits)
        assert (is_missing[:, one] & is_missing[:, two]).mean() == pytest.approx(
            both, abs=5 * np.sqrt(both * (1 - both) / N)
        )


def test_modalities_are_missing_in_whole_groups(data):
    is_missing = missing(data, "block", tolerance=0.1)
    by_group = is_missing.reshape(-1, 25, 3).mean(axis=1)
    assert set(np.unique(by_group)) == {0.0, 1.0}
    assert is_missing.mean(axis=0) == pytest.approx(list(RATES.values()), abs=0.01)
    # missingness of a group does not depend on its neighbour
    missing_groups = by_group[:, 2]
    assert abs(pearsonr(missing_groups[1:], missing_groups[:-1])[0]) < 4 / np.sqrt(len(missing_groups))


def test_blocks_have_their_length_and_do_not_cross_groups(data):
    is_missing = missing(data, "block", length=10)[:, 1]
    changes = np.flatnonzero(np.diff(is_missing)) + 1
    starts_of_groups = np.arange(0, N, 25)
    inside = np.setdiff1d(changes, starts_of_groups)
    # blocks of 10 with one offset: inside a group, the availability changes only at block boundaries
    assert len(np.unique(inside % 10)) == 1


def test_blocks_that_cannot_meet_a_rate():
    data = MultimodalData.from_arrays({"a": np.ones((9, 1)), "b": np.ones((9, 1))}, groups=np.repeat([0, 1], [6, 3]))
    with pytest.raises(MissingRateError, match=r"modality 'b' at rate 0\.5 in whole blocks; nearest possible"):
        ampute_with(data, "block", rates={"b": 0.5})
    loose = ampute_with(data, "block", rates={"b": 0.5}, tolerance=0.2)
    assert loose.missing_rates["b"] in (pytest.approx(1 / 3), pytest.approx(2 / 3))
    bare = MultimodalData.from_arrays({"a": np.ones((9, 1)), "b": np.ones((9, 1))})
    with pytest.raises(DataError, match="needs data with groups, or the option length"):
        ampute_with(bare, "block", rates={"b": 0.5}, tolerance=0.1)


# missing at random, missing not at random


@pytest.mark.parametrize("strength", [-1.0, 0.0, 2.0])
def test_missing_depends_on_the_label(data, strength):
    is_missing = missing(data, "label_dependent", rates={"b": 0.3, "c": 0.5}, strength=strength)
    for column in (1, 2):
        estimate, error = log_odds_slope(data.target.values - 1.0, is_missing[:, column])
        assert estimate == pytest.approx(strength, abs=5 * error)


@pytest.mark.parametrize("strength", [-1.0, 2.0])
def test_missing_depends_on_own_values(data, strength):
    is_missing = missing(data, "value_dependent", rates={"b": 0.3, "c": 0.5}, strength=strength)
    for column, name in ((1, "b"), (2, "c")):
        own = normal_scores((data.modalities[name].values ** 2).sum(axis=1))
        estimate, error = log_odds_slope(own, is_missing[:, column])
        assert estimate == pytest.approx(strength, abs=5 * error + 0.05)
        other = normal_scores((data.modalities["a"].values ** 2).sum(axis=1))
        estimate, error = log_odds_slope(other, is_missing[:, column])
        assert estimate == pytest.approx(0, abs=5 * error)


def test_missing_depends_on_another_observed_modality(data):
    is_missing = missing(data, "dependent", strength=1.5)
    assert not is_missing[:, 0].any()
    for column, name in ((1, "b"), (2, "c")):
        determining = normal_scores((data.modalities["a"].values ** 2).sum(axis=1))
        estimate, error = log_odds_slope(determining, is_missing[:, column])
        assert estimate == pytest.approx(1.5, abs=5 * error + 0.05)
        own = normal_scores((data.modalities[name].values ** 2).sum(axis=1))
        estimate, error = log_odds_slope(own, is_missing[:, column])
        assert estimate == pytest.approx(0, abs=5 * error)


def test_determining_modality_must_stay_observed(data):
    with pytest.raises(MissingRateError, match=r"'on' that stays observed: the rate of 'c' is 0.5, expected 0"):
        ampute_with(data, "dependent", on="c")
    with pytest.raises(MissingRateError, match=r"set 'on' to one of the modalities with rate 0: \['a', 'b'\]"):
        ampute_with(data, "dependent", rates={"c": 0.5})
    with pytest.raises(UnknownNameError, match="'z'"):
        ampute_with(data, "dependent", on="z")
    assert ampute_with(data, "dependent", rates={"c": 0.5}, on="b").missing_rates["c"] == 0.5


def test_label_dependence_for_regression_and_multilabel_targets():
    rng = np.random.default_rng(0)
    values = rng.gamma(1.0, size=(N, 2))
    arrays = {name: rng.standard_normal((N, 2)) for name in "abc"}
    for target in (Target.from_numbers(values), Target.from_multilabel(values > 1)):
        data = MultimodalData.from_arrays(arrays, target)
        is_missing = missing(data, "label_dependent", rates={"c": 0.5}, strength=1.0)
        total = target.values.astype(float).sum(axis=1)
        assert total[is_missing[:, 2]].mean() > total[~is_missing[:, 2]].mean() + 0.2
    with pytest.raises(TargetError, match="needs labels"):
        ampute_with(MultimodalData.from_arrays(arrays), "label_dependent")


def test_energy_of_sequences_and_constant_features():
    steps = [np.array([[3.0, 1.0]]), None, np.array([[-1.0, 1.0], [1.0, 1.0], [-3.0, 1.0]])]
    data = MultimodalData.from_arrays({"a": steps})
    energies = energy(data.modalities["a"])
    assert energies[[0, 2]] == pytest.approx([9 / 5 / 2, 11 / 3 / 5 / 2])
    assert np.isnan(energies[1])


# partially missing sequences


def sequences(n=400, seed=0):
    rng = np.random.default_rng(seed)
    entries = [np.arange(length, dtype=float)[:, None] + 1 for length in rng.integers(1, 40, n)]
    return MultimodalData.from_arrays({"a": rng.standard_normal((n, 2)), "s": entries})


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_one_span_of_the_requested_length_is_removed_at_a_random_position(rate):
    data = sequences()
    shorter = ampute_with(data, "partial", rates={"s": rate})
    assert shorter.availability.all()
    before, after = data.modalities["s"], shorter.modalities["s"]
    lost = before.lengths - after.lengths
    assert (np.abs(lost - rate * before.lengths) < 1 + 1e-9).all()
    assert (after.lengths >= 1).all()
    long = before.lengths >= 10
    # rounding is independent between sequences: standard error of the mean below 0.5 / sqrt(n)
    assert abs((lost - rate * before.lengths)[long].mean()) < 5 * 0.5 / np.sqrt(long.sum())
    for row in np.flatnonzero(lost > 0)[:50]:
        kept = shorter.take([row]).modalities["s"].values[:, 0]
        removed = np.setdiff1d(np.arange(1, before.lengths[row] + 1), kept)
        assert (np.diff(removed) == 1).all()
        assert len(removed) == lost[row]


def test_position_of_the_span_is_uniform():
    data = MultimodalData.from_arrays({"s": [np.arange(10.0)[:, None]] * 4000})
    after = ampute_with(data, "partial", rates={"s": 0.4}).modalities["s"].values.reshape(4000, 6)
    start = np.argmax(np.concatenate([after, np.full((4000, 1), 99.0)], axis=1) != np.arange(7), axis=1)
    counts = np.bincount(start, minlength=7)
    assert ((counts - 4000 / 7) ** 2 / (4000 / 7)).sum() < 22.5  # chi-square, 6 degrees of freedom, level 1e-3


def test_partial_rejects_vectors_and_rate_one():
    data = sequences(20)
    with pytest.raises(ShapeError, match="'a' does not consist of sequences"):
        ampute_with(data, "partial", rates={"a": 0.5})
    with pytest.raises(MissingRateError, match="cannot remove modality 's' entirely: expected a rate below 1"):
        ampute_with(data, "partial", rates={"s": 1.0})
