"""Every protocol: what all have in common, and a statistical test of the mechanism that it documents."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, multivariate_normal, norm, pearsonr
from sklearn.linear_model import LogisticRegression

from redcore._discovery import load, names
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, MissingRateError, SettingsError, ShapeError, TargetError, UnknownNameError
from redcore.missing import ampute, draw_availability, removes_steps, takes_rates
from redcore.missing._scores import energy, normal_scores

N = 6000
RATES = {"a": 0.0, "b": 0.3, "c": 0.5}
OPTIONS = {
    "fixed_patterns": {"patterns": "a+b,c,a", "shares": "1,1,2"},
    "pattern_counts": {"counts": "a+b=1500,c=1500,a=3000"},
    "block": {"length": 20},
}


@pytest.fixture(scope="module")
def data():
    return make()


def make(n=N, **more):
    rng = np.random.default_rng(0)
    arrays = {name: rng.standard_normal((n, 4)) for name in "abc"}
    return MultimodalData.from_arrays(
        arrays, Target.from_labels(rng.integers(0, 3, n)), groups=np.arange(n) // 25, **more
    )


def hidden(data, protocol, seed=0, rates=None, at_least_one=True, **options):
    rates = (RATES if takes_rates(protocol) else {}) if rates is None else rates
    if protocol == "shared":
        rates = dict.fromkeys("abc", 0.4)
    rng = np.random.default_rng(seed)
    return ampute(data, protocol, rates, rng, options=options or OPTIONS.get(protocol), at_least_one=at_least_one)


def missing(*arguments, **options):
    return ~hidden(*arguments, **options).availability


def slope(score, is_missing):
    """Return the log-odds ratio of missing per unit of score, and its standard error."""
    fitted = LogisticRegression(C=np.inf).fit(score[:, None], is_missing)
    probability = fitted.predict_proba(score[:, None])[:, 1]
    design = np.stack([np.ones_like(score), score], axis=1)
    information = design.T @ (design * (probability * (1 - probability))[:, None])
    return float(fitted.coef_[0, 0]), float(np.sqrt(np.linalg.inv(information)[1, 1]))


# what all have in common


@pytest.mark.parametrize("protocol", names("redcore.missing"))
def test_the_mechanism_is_stated(protocol):
    assert load("redcore.missing", protocol, "missing protocol").MECHANISM in ("MCAR", "MAR", "MNAR")


@pytest.mark.parametrize("protocol", sorted(set(names("redcore.missing")) - {"partial"}))
def test_realised_rates_and_determinism(data, protocol):
    first, again, other = (hidden(data, protocol, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.availability, again.availability)
    assert not np.array_equal(first.availability, other.availability)
    assert first.availability.any(axis=1).all()
    expected = {"shared": [0.4] * 3, "fixed_patterns": [0.25, 0.75, 0.75], "pattern_counts": [0.25, 0.75, 0.75]}
    tolerance = {"block": 0.01, "bernoulli": 5 * np.sqrt(0.25 / N)}.get(protocol, 1e-9)
    got = list(first.missing_rates.values())
    assert got == pytest.approx(expected.get(protocol, list(RATES.values())), abs=tolerance)


@pytest.mark.parametrize("protocol", sorted(set(names("redcore.missing")) - {"partial", "dependent"}))
def test_what_is_missing_stays_missing_and_every_sample_keeps_one(protocol):
    natural = np.random.default_rng(3).random((N, 3)) > 0.3
    data = make(availability=natural)
    after = hidden(data, protocol).availability
    assert not (after & ~natural).any()
    assert np.array_equal(after.any(axis=1), natural.any(axis=1))
    assert after.sum() < natural.sum()


@pytest.mark.parametrize("protocol", sorted(names("redcore.missing")))
def test_an_unknown_option_is_named(data, protocol):
    with pytest.raises(UnknownNameError, match="unknown setting 'strengt'"):
        hidden(data, protocol, strengt=1)


def test_protocols_that_look_at_samples_need_them():
    rng = np.random.default_rng(0)
    for protocol in ("label_dependent", "value_dependent", "dependent", "partial"):
        with pytest.raises(DataError, match=f"'{protocol}' .* use ampute"):
            draw_availability(protocol, 10, RATES, rng)
    assert [name for name in names("redcore.missing") if removes_steps(name)] == ["partial"]


# completely at random


@pytest.mark.parametrize("protocol", ["shared", "imbalanced", "bernoulli", "fixed_patterns", "correlated", "block"])
def test_what_is_missing_completely_at_random_depends_on_nothing(data, protocol):
    levels = []
    for seed in range(200):
        gone = missing(data, protocol, seed)[:, 2]
        table = np.array([np.bincount(data.target.values[gone == state], minlength=3) for state in (False, True)])
        levels.append(chi2_contingency(table).pvalue)
    # of uniform levels 20 of 200 are below 0.1, with a standard deviation of 4.2
    assert np.sum(np.array(levels) < 0.1) < 20 + 4 * 4.2


def test_patterns_are_dealt_in_their_shares(data):
    gone = missing(data, "fixed_patterns")
    patterns, counts = np.unique(gone, axis=0, return_counts=True)
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
        ("fixed_patterns", {"patterns": "a,b", "shares": "1"}, SettingsError, "2 patterns but 1 shares"),
        ("pattern_counts", {"counts": "a=1000,b=2000"}, MissingRateError, "nearest possible: a=2000,b=4000"),
    ],
)
def test_impossible_patterns(data, protocol, options, error, message):
    with pytest.raises(error, match=message):
        hidden(data, protocol, **options)


def test_a_pattern_may_be_empty_where_samples_may(data):
    assert missing(data, "fixed_patterns", patterns="nothing", at_least_one=False).all()
    with pytest.raises(MissingRateError, match="takes no missing rates"):
        hidden(data, "fixed_patterns", rates=RATES, patterns="a")


@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.9])
def test_correlated_failures_follow_the_gaussian_copula(data, correlation):
    rates = {"a": 0.3, "b": 0.3, "c": 0.6}
    gone = missing(data, "correlated", rates=rates, correlation=correlation, at_least_one=False)
    for one, two in ((0, 1), (0, 2)):
        limits = norm.ppf(list(rates.values()))[[one, two]]
        both = multivariate_normal(cov=[[1, correlation], [correlation, 1]]).cdf(limits)
        assert (gone[:, one] & gone[:, two]).mean() == pytest.approx(both, abs=5 * np.sqrt(both * (1 - both) / N))


def test_groups_go_down_as_a_whole(data):
    gone = missing(data, "block", tolerance=0.1)
    by_group = gone.reshape(-1, 25, 3).mean(axis=1)
    assert set(np.unique(by_group)) == {0.0, 1.0}
    assert gone.mean(axis=0) == pytest.approx(list(RATES.values()), abs=0.01)
    # which group fails does not depend on its neighbour
    failed = by_group[:, 2]
    assert abs(pearsonr(failed[1:], failed[:-1])[0]) < 4 / np.sqrt(len(failed))


def test_stretches_have_their_length_and_do_not_cross_groups(data):
    gone = missing(data, "block", length=10)[:, 1]
    changes = np.flatnonzero(np.diff(gone)) + 1
    starts_of_groups = np.arange(0, N, 25)
    inside = np.setdiff1d(changes, starts_of_groups)
    # blocks of 10 with one offset: inside a group changes are only where a block of the grid begins
    assert len(np.unique(inside % 10)) == 1


def test_blocks_that_cannot_meet_a_rate():
    data = MultimodalData.from_arrays({"a": np.ones((9, 1)), "b": np.ones((9, 1))}, groups=np.repeat([0, 1], [6, 3]))
    with pytest.raises(MissingRateError, match=r"modality 'b' at rate 0\.5 in whole blocks; nearest possible"):
        hidden(data, "block", rates={"b": 0.5})
    loose = hidden(data, "block", rates={"b": 0.5}, tolerance=0.2)
    assert loose.missing_rates["b"] in (pytest.approx(1 / 3), pytest.approx(2 / 3))
    bare = MultimodalData.from_arrays({"a": np.ones((9, 1)), "b": np.ones((9, 1))})
    with pytest.raises(DataError, match="needs data with groups, or the option length"):
        hidden(bare, "block", rates={"b": 0.5}, tolerance=0.1)


# at random, not at random


@pytest.mark.parametrize("strength", [-1.0, 0.0, 2.0])
def test_missing_depends_on_the_label(data, strength):
    gone = missing(data, "label_dependent", rates={"b": 0.3, "c": 0.5}, strength=strength)
    for column in (1, 2):
        found, error = slope(data.target.values - 1.0, gone[:, column])
        assert found == pytest.approx(strength, abs=5 * error)


@pytest.mark.parametrize("strength", [-1.0, 2.0])
def test_missing_depends_on_its_own_values(data, strength):
    gone = missing(data, "value_dependent", rates={"b": 0.3, "c": 0.5}, strength=strength)
    for column, name in ((1, "b"), (2, "c")):
        own = normal_scores((data.modalities[name].values ** 2).sum(axis=1))
        found, error = slope(own, gone[:, column])
        assert found == pytest.approx(strength, abs=5 * error + 0.05)
        other = normal_scores((data.modalities["a"].values ** 2).sum(axis=1))
        found, error = slope(other, gone[:, column])
        assert found == pytest.approx(0, abs=5 * error)


def test_missing_depends_on_another_modality_that_stays(data):
    gone = missing(data, "dependent", strength=1.5)
    assert not gone[:, 0].any()
    for column, name in ((1, "b"), (2, "c")):
        deciding = normal_scores((data.modalities["a"].values ** 2).sum(axis=1))
        found, error = slope(deciding, gone[:, column])
        assert found == pytest.approx(1.5, abs=5 * error + 0.05)
        own = normal_scores((data.modalities[name].values ** 2).sum(axis=1))
        found, error = slope(own, gone[:, column])
        assert found == pytest.approx(0, abs=5 * error)


def test_the_deciding_modality_must_stay(data):
    with pytest.raises(MissingRateError, match=r"'on' that stays observed: its rate is 0.5; nearest possible: 0"):
        hidden(data, "dependent", on="c")
    with pytest.raises(MissingRateError, match=r"stays observed: rates are 0 for \['a', 'b'\]"):
        hidden(data, "dependent", rates={"c": 0.5})
    with pytest.raises(UnknownNameError, match="'z'"):
        hidden(data, "dependent", on="z")
    assert hidden(data, "dependent", rates={"c": 0.5}, on="b").missing_rates["c"] == 0.5


def test_other_targets_have_scores_too():
    rng = np.random.default_rng(0)
    values = rng.gamma(1.0, size=(N, 2))
    arrays = {name: rng.standard_normal((N, 2)) for name in "abc"}
    for target in (Target.from_numbers(values), Target.from_multilabel(values > 1)):
        data = MultimodalData.from_arrays(arrays, target)
        gone = missing(data, "label_dependent", rates={"c": 0.5}, strength=1.0)
        total = target.values.astype(float).sum(axis=1)
        assert total[gone[:, 2]].mean() > total[~gone[:, 2]].mean() + 0.2
    with pytest.raises(TargetError, match="needs labels"):
        hidden(MultimodalData.from_arrays(arrays), "label_dependent")


def test_energy_of_sequences_and_constant_features():
    steps = [np.array([[3.0, 1.0]]), None, np.array([[-1.0, 1.0], [1.0, 1.0], [-3.0, 1.0]])]
    data = MultimodalData.from_arrays({"a": steps})
    found = energy(data.modalities["a"])
    assert found[[0, 2]] == pytest.approx([9 / 5 / 2, 11 / 3 / 5 / 2])
    assert np.isnan(found[1])


# parts of sequences


def sequences(n=400, seed=0):
    rng = np.random.default_rng(seed)
    entries = [np.arange(length, dtype=float)[:, None] + 1 for length in rng.integers(1, 40, n)]
    return MultimodalData.from_arrays({"a": rng.standard_normal((n, 2)), "s": entries})


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_one_span_of_the_asked_length_is_lost_at_a_random_place(rate):
    data = sequences()
    shorter = hidden(data, "partial", rates={"s": rate})
    assert shorter.availability.all()
    before, after = data.modalities["s"], shorter.modalities["s"]
    lost = before.lengths - after.lengths
    assert (np.abs(lost - rate * before.lengths) < 1 + 1e-9).all()
    assert (after.lengths >= 1).all()
    long = before.lengths >= 10
    # rounding is a coin of its own in every sequence: standard error of the mean below 0.5 / sqrt(n)
    assert abs((lost - rate * before.lengths)[long].mean()) < 5 * 0.5 / np.sqrt(long.sum())
    for row in np.flatnonzero(lost > 0)[:50]:
        kept = shorter.take([row]).modalities["s"].values[:, 0]
        removed = np.setdiff1d(np.arange(1, before.lengths[row] + 1), kept)
        assert (np.diff(removed) == 1).all()
        assert len(removed) == lost[row]


def test_the_place_of_the_span_is_uniform():
    data = MultimodalData.from_arrays({"s": [np.arange(10.0)[:, None]] * 4000})
    after = hidden(data, "partial", rates={"s": 0.4}).modalities["s"].values.reshape(4000, 6)
    start = np.argmax(np.concatenate([after, np.full((4000, 1), 99.0)], axis=1) != np.arange(7), axis=1)
    counts = np.bincount(start, minlength=7)
    assert ((counts - 4000 / 7) ** 2 / (4000 / 7)).sum() < 22.5  # chi-square, 6 degrees of freedom, level 1e-3


def test_partial_refuses():
    data = sequences(20)
    with pytest.raises(ShapeError, match="'a' is not made of sequences"):
        hidden(data, "partial", rates={"a": 0.5})
    with pytest.raises(MissingRateError, match="cannot remove modality 's' as a whole"):
        hidden(data, "partial", rates={"s": 1.0})
