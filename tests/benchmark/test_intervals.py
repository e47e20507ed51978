"""Intervals of mean scores: known values, and coverage in simulations; see interval_coverage.py."""

import numpy as np
import pytest
from scipy.stats import t

from benchmark.interval_coverage import SCENARIOS, coverage
from redcore.benchmark import Influence, RunScore, mean_interval
from redcore.benchmark._intervals import average, combine


def influences(table):
    units = np.array([f"u{place}" for place in range(len(table[0]))])
    return [Influence(units, np.array(row, dtype=float)) for row in table]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_coverage_at_five_runs(scenario):
    share = coverage(scenario, ["mean_interval"], 5, 1500)["mean_interval"]
    # 0.93 to 0.97, and one standard error of the simulation
    assert 0.93 - 0.005 <= share <= 0.97 + 0.005


@pytest.mark.parametrize("n_runs", [2, 3, 10])
@pytest.mark.parametrize("scenario", ["one split", "random splits, fits"])
def test_coverage_with_other_numbers_of_runs(scenario, n_runs):
    assert 0.92 <= coverage(scenario, ["mean_interval"], n_runs, 1000)["mean_interval"] <= 0.98


def test_intervals_over_runs_of_one_split_are_too_short():
    shares = coverage("one split", ["percentile", "BCa", "t"], 5, 300)
    assert max(shares["percentile"], shares["BCa"]) < 0.7
    assert shares["t"] < 0.85


def test_t_interval_by_hand():
    interval = mean_interval([RunScore(0.7), RunScore(0.72), RunScore(0.74)])
    half = t.ppf(0.975, 2) * 0.02 / np.sqrt(3)
    assert (interval.low, interval.high) == (pytest.approx(0.72 - half), pytest.approx(0.72 + half))


def test_test_samples_that_all_runs_share_by_hand():
    # both runs have the influences (1, -1) / 100 of two test units: covariance 2 / 100^2 * 2 / (2 - 1)
    shared = influences([[0.01, -0.01]] * 2)
    interval = mean_interval([RunScore(value, one) for value, one in zip((0.5, 0.6), shared, strict=True)])
    of_runs, of_samples = 0.1**2 / 2 / 2, 4e-4
    assert interval.variance == pytest.approx(of_runs + of_samples)
    expected = (of_runs + of_samples) ** 2 / (of_runs**2 + of_samples**2)
    assert interval.degrees == pytest.approx(expected)
    assert interval.basis == "samples"


def test_corrected_variance_of_random_splits():
    runs = [RunScore(value, split=str(value), test_ratio=1 / 3) for value in (0.5, 0.6, 0.7)]
    interval = mean_interval(runs)
    # Nadeau and Bengio (2003): (1 / n + n_test / n_train) times the sample variance
    assert interval.variance == pytest.approx((1 / 3 + 1 / 3) * 0.01)
    assert interval.basis == "splits"


def test_an_average_over_data_sets_by_hand():
    one = mean_interval([RunScore(0.4), RunScore(0.6)])
    other = mean_interval([RunScore(0.8), RunScore(0.8)])
    both = average([one, other])
    assert both.mean == pytest.approx(0.65)
    assert both.variance == pytest.approx(0.01 / 4)
    assert both.degrees == pytest.approx(1)
    assert np.isnan(average([one, mean_interval([RunScore(0.1)])]).low)


def test_the_influence_of_a_difference_is_the_difference_of_influences():
    one, other = influences([[0.3, -0.3], [0.1, -0.1]])
    difference = combine([RunScore(0.5, one), RunScore(0.2, other)], [1.0, -1.0])
    assert difference.value == pytest.approx(0.3)
    np.testing.assert_allclose(difference.influence.values, [0.2, -0.2])
    assert combine([RunScore(0.5, one), RunScore(0.2)], [1.0, -1.0]).influence is None
