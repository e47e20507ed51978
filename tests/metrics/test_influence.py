"""Influence of samples on scores, compared with numerical derivatives of weighted scores and with the bootstrap."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, recall_score

from redcore.data import Target
from redcore.metrics import SamplePredictions, influence, scores

N = 60


def predictions(seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(4, size=N)
    logits = 1.5 * np.eye(4)[codes] + rng.normal(size=(N, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = Target.from_labels(codes)
    # the decision rule prefers class 0
    preference = np.array([0.2, 0, 0, 0])

    def decide(outputs):
        return (outputs + preference).argmax(axis=1)

    return target, probabilities, SamplePredictions.from_outputs(target, probabilities, decide), decide


def numbers():
    rng = np.random.default_rng(1)
    values = rng.normal(size=N)
    outputs = (values + rng.normal(size=N))[:, None]
    return values, outputs, SamplePredictions.from_outputs(Target.from_numbers(values), outputs)


def correlation(u, v, weights):
    centred = [x - np.average(x, weights=weights) for x in (u, v)]
    covariance = np.average(centred[0] * centred[1], weights=weights)
    return covariance / np.sqrt(np.prod([np.average(x**2, weights=weights) for x in centred]))


def weighted_score(name, weights):
    """Return a score of the predictions above with sample weights, by scikit-learn or by its definition."""
    if name in ("r2", "mae", "pearson_r"):
        values, outputs, _ = numbers()
        if name == "pearson_r":
            return correlation(values, outputs[:, 0], weights)
        return (r2_score if name == "r2" else mean_absolute_error)(values, outputs[:, 0], sample_weight=weights)
    target, probabilities, samples, _ = predictions()
    codes = target.values
    if name == "nll":
        return np.average(-np.log(probabilities[np.arange(N), codes]), weights=weights)
    if name == "accuracy":
        return accuracy_score(codes, samples.decided, sample_weight=weights)
    if name == "uar":
        return recall_score(codes, samples.decided, average="macro", sample_weight=weights)
    if name == "ece":
        bins = np.clip(np.ceil(samples.confidence * 15).astype(int) - 1, 0, 14)
        gaps = weights * ((samples.argmax == codes) - samples.confidence)
        return np.abs(np.bincount(bins, gaps)).sum() / weights.sum()
    predicted = samples.decided if name == "macro_f1" else samples.argmax
    return f1_score(codes, predicted, average="macro", sample_weight=weights)


NAMES = ["nll", "accuracy", "uar", "macro_f1", "argmax_macro_f1", "ece", "r2", "mae", "pearson_r"]


@pytest.mark.parametrize("name", NAMES)
def test_influence_is_the_derivative_of_the_weighted_score(name):
    samples = numbers()[2] if name in ("r2", "mae", "pearson_r") else predictions()[2]
    of_samples = influence(name, samples)
    assert of_samples.sum() == pytest.approx(0, abs=1e-12)
    step = 1e-5
    for row in range(0, N, 7):
        change = step * (np.arange(N) == row)
        derivative = (weighted_score(name, 1 + change) - weighted_score(name, 1 - change)) / (2 * step)
        assert of_samples[row] == pytest.approx(derivative, abs=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_the_weighted_score_with_equal_weights_is_the_score(name):
    if name in ("r2", "mae", "pearson_r"):
        values, outputs, _ = numbers()
        expected = scores(Target.from_numbers(values), outputs)[name]
    else:
        target, probabilities, _, decide = predictions()
        expected = scores(target, probabilities, decide)[name]
    assert weighted_score(name, np.ones(N)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["macro_f1", "uar", "nll"])
def test_the_sum_of_squares_is_the_bootstrap_variance(name):
    rng = np.random.default_rng(0)
    resampled = [weighted_score(name, rng.multinomial(N, np.full(N, 1 / N)).astype(float)) for _ in range(400)]
    assert np.sqrt((influence(name, predictions()[2]) ** 2).sum()) == pytest.approx(np.std(resampled), rel=0.2)


def test_variance_of_a_mean_by_hand():
    samples = SamplePredictions(np.array([0, 0, 0, 1]), decided=np.array([0, 0, 0, 0]))
    assert (influence("accuracy", samples) ** 2).sum() == pytest.approx(0.75 * 0.25 / 4)


def test_undefined_influences():
    samples = predictions()[2]
    assert influence("weighted_f1", samples) is None
    assert influence("r2", samples) is None
    constant = SamplePredictions(np.ones(5), predicted=np.arange(5.0))
    assert influence("r2", constant) is None
    assert influence("pearson_r", constant) is None
    assert influence("nll", numbers()[2]) is None
    assert SamplePredictions.from_outputs(Target.from_multilabel(np.eye(3)), np.eye(3)) is None
