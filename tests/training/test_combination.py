"""The combination of unimodal predictions, against known weights and with little data."""

import numpy as np
import pytest
import torch

from redcore.data import MultimodalData, Target, TargetKind
from redcore.linear import Combination, LinearSettings, UnimodalLinear
from redcore.nn import batches
from redcore.stacking import StackingWeights

N = 20_000


def fitted(*predictions, target, present=None):
    stacked = np.stack(predictions, axis=1)[..., None]
    there = np.ones(stacked.shape[:2], dtype=bool) if present is None else present
    return Combination.fit(stacked * there[..., None], there, target[:, None], np.ones(len(target)))


def combine(combination, predictions, present):
    return combination(torch.from_numpy(predictions), torch.from_numpy(present)).numpy()


def weights(combination, *present):
    """Return the weights of the modalities: the result of a prediction of 1 by one modality at a time."""
    ones = np.eye(len(present))[..., None]
    return combine(combination, ones, np.tile(present, (len(present), 1)))[:, 0]


def normal(n_columns, seed=0):
    return np.random.default_rng(seed).normal(size=(N, n_columns)).T


def test_predictions_of_different_parts_of_the_target_add_up():
    first, second, rest = normal(3)
    combination = fitted(first, 0.5 * second, target=(first + 0.5 * second + rest) / 1.5)
    # each coefficient is 1 / 1.5, less the share that is taken for noise
    np.testing.assert_allclose(weights(combination, True, True), 1 / 1.5 / 1.05, atol=0.02)


def test_two_identical_predictions_share_the_weight_of_one():
    said, rest = normal(2)
    combination = fitted(0.5 * said, 0.5 * said, target=0.5 * said + np.sqrt(0.75) * rest)
    both, alone = weights(combination, True, True), weights(combination, True, False)
    assert both.sum() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(both[0], both[1])
    np.testing.assert_allclose(alone, [1 / 1.05, 0], atol=0.03)


def test_an_uninformative_modality_has_weight_0():
    target, noise, rest = normal(3)
    combination = fitted(0.8 * target + 0.4 * rest, noise, target=target)
    assert abs(weights(combination, True, True)[1]) < 0.02
    assert abs(weights(combination, False, True)[1]) < 0.02


def test_modalities_never_observed_together_are_independent_given_the_target():
    target, one, other = normal(3)
    # E[y | x] of x = y + noise of variance 1
    predictions = (target + one) / 2, (target + other) / 2
    apart = np.arange(N)[:, None] % 2 == np.arange(2)
    combination = fitted(*predictions, target=target, present=apart)
    # E[y | both] is a third of the sum of both x: 2 / 3, were not a share of each variance taken for noise
    np.testing.assert_allclose(weights(combination, True, True), 0.5 / (0.5 * 1.05 + 0.25), atol=0.03)


def test_a_sample_without_a_modality_gets_the_mean_and_batches_agree_with_single_samples():
    rng = np.random.default_rng(0)
    predictions, target = rng.normal(size=(500, 4, 2)), rng.normal(size=(500, 2))
    present = rng.random((500, 4)) < 0.5
    predictions = (predictions + target[:, None]) * present[..., None]
    combination = Combination.fit(predictions, present, target, np.ones(500))
    combined = combine(combination, predictions, present)
    assert (combined[~present.any(axis=1)] == 0).all()
    one_by_one = [combine(combination, predictions[[row]], present[[row]])[0] for row in range(500)]
    np.testing.assert_allclose(one_by_one, combined, rtol=1e-12)
    again = Combination.from_arrays(combination.to_arrays())
    np.testing.assert_array_equal(combine(again, predictions, present), combined)


def test_sample_weights_equal_copies():
    rng = np.random.default_rng(1)
    predictions, target = rng.normal(size=(40, 2, 1)), rng.normal(size=(40, 1))
    present, counts = rng.random((40, 2)) < 0.7, rng.integers(1, 4, size=40)
    copies = np.repeat(np.arange(40), counts)
    weighted = Combination.fit(predictions, present, target, counts.astype(float))
    copied = Combination.fit(predictions[copies], present[copies], target[copies], np.ones(len(copies)))
    np.testing.assert_allclose(weighted.second, copied.second)
    np.testing.assert_allclose(weighted.cross, copied.cross)


def test_no_observed_modality():
    nothing = np.zeros((5, 2, 1)), np.zeros((5, 2), dtype=bool)
    combination = Combination.fit(*nothing, np.ones((5, 1)), np.ones(5))
    np.testing.assert_array_equal(combine(combination, np.ones((1, 2, 1)), np.ones((1, 2), dtype=bool)), 0)


def test_held_out_predictions_come_from_models_fitted_without_the_sample():
    rng = np.random.default_rng(2)
    numbers = rng.normal(size=60)
    # as many features as samples: a model fits what it sees, and knows nothing
    values = rng.normal(size=(60, 60))
    data = MultimodalData.from_arrays({"a": values}, Target.from_numbers(numbers))
    linear = UnimodalLinear.fit(data, LinearSettings(alpha=0.1))
    held_out, present = linear.predict_held_out(data)
    assert present.all()
    (batch,) = batches(data)
    predictions, _ = linear(linear.vectors(batch))
    assert np.corrcoef(predictions[:, 0, 0], numbers)[0, 1] > 0.9
    assert np.corrcoef(held_out[:, 0, 0], numbers)[0, 1] < 0.5


@pytest.mark.parametrize("n_groups", [1, 2, 12])
def test_whole_groups_are_held_out(n_groups):
    rng = np.random.default_rng(3)
    groups = np.arange(60) % n_groups
    data = MultimodalData.from_arrays(
        {"a": np.eye(n_groups)[groups] + 0.01 * rng.normal(size=(60, n_groups))},
        Target.from_numbers(groups + 1e-3 * rng.normal(size=60)),
        groups=groups,
    )
    linear = UnimodalLinear.fit(data, LinearSettings(alpha=0.1))
    held_out, present = linear.predict_held_out(data)
    assert present.all()
    assert np.isfinite(held_out).all()
    if n_groups > 1:
        # nobody has seen a feature of the group that is held out
        assert np.abs(held_out[:, 0, 0] - data.target.values).mean() > 0.3


def test_stacking_weights_for_regression_sum_to_at_most_1():
    rng = np.random.default_rng(4)
    target = rng.normal(size=(500, 1))
    sources = np.stack([0.3 * target, 0.4 * target], axis=1)
    stack = StackingWeights.fit(sources, target, TargetKind.REGRESSION, np.array([0.5, 0.5]))
    assert stack.weights.sum() <= 1 + 1e-9
    assert stack.weights[1] > 0.9
