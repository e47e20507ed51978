"""Inverse probability weights and weighted scores."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from redcore.metrics import (
    SamplePredictions,
    classification_scores,
    inverse_probability_weights,
    regression_scores,
    weighted_scores,
)


def classes(n_samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return classes and probabilities of a classifier that is right more often for class 0."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, n_samples)
    is_right = rng.random(n_samples) < np.where(codes == 0, 0.95, 0.6)
    likely = np.where(is_right, codes, 1 - codes)
    return codes, np.where(likely[:, None] == np.arange(2), 0.8, 0.2)


def samples_of(codes: np.ndarray, probabilities: np.ndarray) -> SamplePredictions:
    decided = probabilities.argmax(axis=1)
    losses = -np.log(probabilities[np.arange(len(codes)), codes])
    return SamplePredictions(codes, decided, decided, losses, probabilities.max(axis=1))


def test_weights_recover_the_scores_of_all_samples_if_missingness_depends_on_the_class():
    codes, probabilities = classes(20_000)
    truth = classification_scores(codes, probabilities)
    rng = np.random.default_rng(1)
    is_scored = rng.random(len(codes)) < np.where(codes == 0, 0.9, 0.1)
    weights = inverse_probability_weights(is_scored, np.eye(2)[codes])
    rows = np.flatnonzero(is_scored)
    chosen = samples_of(codes[rows], probabilities[rows])
    plain, weighted = weighted_scores(chosen, np.ones(len(rows))), weighted_scores(chosen, weights)
    for score in ("accuracy", "nll"):
        assert abs(plain[score] - truth[score]) > 0.03, score
        assert weighted[score] == pytest.approx(truth[score], abs=0.02), score
    assert weighted["effective_samples"] < plain["effective_samples"] == len(rows)


def test_weights_of_missingness_at_random_are_nearly_equal():
    rng = np.random.default_rng(0)
    weights = inverse_probability_weights(rng.random(2000) < 0.5, rng.normal(size=(2000, 3)))
    assert weights.mean() == pytest.approx(1)
    assert weights.std() < 0.15


def test_equal_weights_give_the_unweighted_scores():
    codes, probabilities = classes(300)
    truth, weighted = (
        classification_scores(codes, probabilities),
        weighted_scores(samples_of(codes, probabilities), np.ones(300)),
    )
    assert {score: weighted[score] for score in ("accuracy", "uar", "macro_f1", "nll", "ece")} == pytest.approx(
        {score: truth[score] for score in ("accuracy", "uar", "macro_f1", "nll", "ece")}
    )
    target, predicted = np.arange(50.0), np.arange(50.0) ** 1.1
    weighted = weighted_scores(SamplePredictions(target, predicted=predicted), np.full(50, 2.0))
    plain = regression_scores(target, predicted)
    assert (weighted["mae"], weighted["r2"]) == pytest.approx((plain["mae"], plain["r2"]))


def test_balanced_accuracy_does_not_depend_on_weights_of_whole_classes():
    codes, probabilities = classes(400)
    weighted = weighted_scores(samples_of(codes, probabilities), np.where(codes == 0, 3.0, 0.5))
    assert weighted["uar"] == pytest.approx(balanced_accuracy_score(codes, probabilities.argmax(axis=1)))


@pytest.mark.parametrize("n_scored", [0, 3, 97, 100])
def test_too_few_samples_on_one_side_get_equal_weights(n_scored):
    is_scored = np.arange(100) < n_scored
    assert (inverse_probability_weights(is_scored, np.ones((100, 1))) == np.ones(n_scored)).all()


def test_one_class_has_no_score_that_averages_over_classes():
    scores = weighted_scores(samples_of(np.zeros(5, dtype=int), np.tile([0.7, 0.3], (5, 1))), np.ones(5))
    assert scores["macro_f1"] is scores["uar"] is None
    assert scores["accuracy"] == 1


def test_groups_are_not_split_by_the_folds():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    is_scored = np.repeat(rng.random(40) < 0.5, 5)
    # the covariate identifies the group: folds that split groups would estimate probabilities of nearly 0 and 1
    weights = inverse_probability_weights(is_scored, np.eye(40)[groups], groups)
    assert weights.max() / weights.min() < 3
