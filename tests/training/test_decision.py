"""The rule for the predicted class favours rare classes only if that is expected to raise macro-F1."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from redcore.stacking import Decision, choose_prior_power, expected_macro_f1

FREQUENCIES = np.array([0.8, 0.2])


def draw(n, distance, seed=0):
    """Return calibrated probabilities of two classes, the second of which is rare, and the true classes."""
    rng = np.random.default_rng(seed)
    codes = (rng.random(n) < FREQUENCIES[1]).astype(int)
    value = rng.normal(size=n) + distance * codes
    odds = np.log(FREQUENCIES[1] / FREQUENCIES[0]) + distance * value - distance**2 / 2
    return np.exp(np.stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)], axis=1)), codes


def decide(probabilities, power):
    return Decision(np.log(FREQUENCIES), power)(torch.tensor(probabilities)).numpy()


def test_a_power_of_0_is_argmax_and_1_divides_the_frequencies_out():
    probabilities = [[0.7, 0.3], [0.9, 0.1]]
    np.testing.assert_array_equal(decide(probabilities, 0.0), [0, 0])
    np.testing.assert_array_equal(decide(probabilities, 1.0), [1, 0])


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_expected_macro_f1_of_calibrated_probabilities_is_that_of_the_labels(power):
    probabilities, codes = draw(50_000, 1.0)
    predicted = decide(probabilities, power)
    counted = f1_score(codes, predicted, average="macro", zero_division=0)
    assert expected_macro_f1(probabilities, predicted) == pytest.approx(counted, abs=0.01)


def test_a_class_that_is_never_predicted_has_an_f1_of_0():
    assert expected_macro_f1(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 0])) == 0.5


def test_a_power_is_chosen_if_argmax_never_predicts_the_rare_class():
    probabilities, _ = draw(2000, 0.8)
    assert decide(probabilities, 0.0).mean() < 0.05
    assert choose_prior_power(probabilities, np.log(FREQUENCIES), np.ones(2000)) > 0.3


def test_argmax_stays_if_the_classes_are_well_separated():
    probabilities, _ = draw(2000, 6.0)
    assert choose_prior_power(probabilities, np.log(FREQUENCIES), np.ones(2000)) == 0.0


def test_all_powers_agree_on_equal_frequencies():
    probabilities, _ = draw(500, 1.0)
    assert choose_prior_power(probabilities, np.log([0.5, 0.5]), np.ones(500)) == 0.0


def test_argmax_stays_with_too_few_samples():
    probabilities, _ = draw(10, 0.8)
    assert choose_prior_power(probabilities, np.log(FREQUENCIES), np.arange(10)) == 0.0
