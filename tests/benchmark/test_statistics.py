"""Tests over several data sets, compared with the worked examples of Demšar (2006) and with scipy."""

import numpy as np
import pytest
from scipy import stats

from redcore.benchmark import bayesian_signed_rank, critical_difference, friedman, holm
from redcore.benchmark._statistics import rank_groups, signed_rank

# Demšar (2006), table 6: AUC of C4.5 with four ways to choose parameters, on 14 data sets
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_friedman_on_the_example_of_demsar():
    result = friedman(DEMSAR)
    np.testing.assert_allclose(result.mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    # Demšar reports 9.28, without tie correction
    assert result.statistic == pytest.approx(stats.friedmanchisquare(*DEMSAR.T).statistic)
    assert result.p_value < 0.05
    # table 5(a) of Demšar: q = 2.569 for four methods
    assert result.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)


@pytest.mark.parametrize(("n_methods", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_values_of_nemenyi(n_methods, quantile):
    assert critical_difference(n_methods, 6) == pytest.approx(
        quantile * np.sqrt(n_methods * (n_methods + 1) / 36), 1e-3
    )


def test_undefined_tests_have_no_p_value():
    assert friedman(np.ones((4, 3))).p_value is None
    assert friedman(np.array([[1.0, 2.0]])).p_value is None
    assert critical_difference(1, 5) == 0
    assert signed_rank([0.1] * 5) is None
    assert signed_rank([0.0] * 9) is None


def test_groups_of_ranks():
    # methods 1 and 2, and methods 2 and 3, do not differ; methods 1 and 3 do; method 4 differs from all
    assert rank_groups([1.0, 1.5, 2.4, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert rank_groups([1.0, 1.5, 2.0], 1.0) == [(0, 1, 2)]
    assert rank_groups([3.0, 1.0], 1.0) == []


def test_signed_rank_agrees_with_scipy():
    differences = np.random.default_rng(0).normal(0.5, 1, size=12)
    assert signed_rank(differences) == stats.wilcoxon(differences).pvalue


def test_holm_by_hand():
    assert holm([0.04, 0.01, None, 0.03]) == pytest.approx([0.06, 0.03, None, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_bayesian_signed_rank_of_one_data_set_by_hand():
    # with one difference above twice the region, theta(0) = w0^2 and theta(+) = 1 - w0^2, where w0 ~ Beta(1/2, 1).
    # The probability of "better" is P(w0^2 < 1/2) = (1/2)^(1/4).
    test = bayesian_signed_rank([0.5], rope=0.01)
    assert test.better == pytest.approx(0.5**0.25, abs=0.01)
    assert test.equivalent == pytest.approx(1 - 0.5**0.25, abs=0.01)
    assert test.worse == 0


def test_bayesian_signed_rank_is_symmetric():
    differences = np.array([0.03, -0.01, 0.02, 0.005, 0.04])
    one, other = bayesian_signed_rank(differences, 0.01), bayesian_signed_rank(-differences, 0.01)
    assert (one.worse, one.equivalent, one.better) == (other.better, other.equivalent, other.worse)
    assert one.worse + one.equivalent + one.better == pytest.approx(1)


def test_bayesian_signed_rank_agrees_with_baycomp():
    # baycomp 1.0.3 (the authors' package), two_on_multiple with 50,000 samples; no pair of differences is at the border
    assert_probabilities(bayesian_signed_rank(DEMSAR[:, 2] - DEMSAR[:, 0], 0.0123), BAYCOMP[0])
    assert_probabilities(bayesian_signed_rank(DEMSAR[:, 3] - DEMSAR[:, 0], 0.0123), BAYCOMP[1])


BAYCOMP = ((0.058, 0.825, 0.117), (0.000, 0.076, 0.924))


def assert_probabilities(test, expected):
    assert (test.worse, test.equivalent, test.better) == pytest.approx(expected, abs=0.02)


def test_bayesian_signed_rank_recognises_equivalence_and_differences():
    rng = np.random.default_rng(0)
    assert bayesian_signed_rank(rng.normal(0, 0.002, size=20), 0.01).equivalent > 0.95
    assert bayesian_signed_rank(rng.normal(0.03, 0.01, size=20), 0.01).better > 0.95
    # without a region, the share of simulations with a posterior above 0.95 is about 5 % if there is no difference
    shares = [bayesian_signed_rank(rng.normal(size=12), 0.0).better > 0.95 for _ in range(200)]
    assert 0.01 <= np.mean(shares) <= 0.1
