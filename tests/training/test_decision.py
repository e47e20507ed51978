"""Which class is named: rare ones too where that is expected to pay, and only there."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from redcore.stacking import choose_prior_power, decide, expected_macro_f1

FREQUENCIES = np.array([0.8, 0.2])


def draw(n, distance, seed=0):
    """Return calibrated log-probabilities of two classes, of which the second is rare, and the true classes."""
    rng = np.random.default_rng(seed)
    codes = (rng.random(n) < FREQUENCIES[1]).astype(int)
    value = rng.normal(size=n) + distance * codes
    odds = np.log(FREQUENCIES[1] / FREQUENCIES[0]) + distance * value - distance**2 / 2
    return np.stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)], axis=1), codes


def test_a_power_of_0_is_argmax_and_1_leaves_frequencies_out():
    said = np.log([[0.7, 0.3], [0.9, 0.1]])
    np.testing.assert_array_equal(decide(said, np.log(FREQUENCIES), 0.0), [0, 0])
    np.testing.assert_array_equal(decide(said, np.log(FREQUENCIES), 1.0), [1, 0])


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_what_calibrated_probabilities_expect_is_what_labels_count(power):
    said, codes = draw(50_000, 1.0)
    named = decide(said, np.log(FREQUENCIES), power)
    counted = f1_score(codes, named, average="macro", zero_division=0)
    assert expected_macro_f1(np.exp(said), named) == pytest.approx(counted, abs=0.01)


def test_a_class_that_nobody_names_has_no_f1():
    assert expected_macro_f1(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 0])) == 0.5


def test_where_argmax_never_names_the_rare_class_a_power_is_chosen():
    said, _ = draw(2000, 0.8)
    assert decide(said, np.log(FREQUENCIES), 0.0).mean() < 0.05
    assert choose_prior_power(said, np.log(FREQUENCIES), np.ones(2000)) > 0.3


def test_where_classes_are_told_apart_anyway_argmax_stays():
    said, _ = draw(2000, 6.0)
    assert choose_prior_power(said, np.log(FREQUENCIES), np.ones(2000)) == 0.0


def test_with_equal_frequencies_every_power_names_the_same():
    said, _ = draw(500, 1.0)
    assert choose_prior_power(said, np.log([0.5, 0.5]), np.ones(500)) == 0.0


def test_too_few_samples_choose_nothing():
    said, _ = draw(10, 0.8)
    assert choose_prior_power(said, np.log(FREQUENCIES), np.arange(10)) == 0.0
