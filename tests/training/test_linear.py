"""Linear models compared with scikit-learn, and the selection of their regularisation strength."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge

from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear
from redcore.linear._fit import MAX_ROTATED_FEATURES, fit_selected, predict_folds
from redcore.linear._principal import PrincipalAxes


def noise(n=120, n_features=100, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n_features))


def test_noise_is_shrunk_and_signal_is_not():
    values = noise()
    labels = np.random.default_rng(1).integers(0, 2, 120)
    assert fit_selected(values, Target.from_labels(labels), LinearSettings())[0].C == 0.01
    clear = Target.from_labels((values[:, :3].sum(axis=1) > 0).astype(int))
    assert fit_selected(values[:, :3], clear, LinearSettings())[0].C == 10
    numbers = Target.from_numbers(np.random.default_rng(1).standard_normal(120))
    assert fit_selected(values, numbers, LinearSettings())[0].alpha >= 1000
    assert fit_selected(values, Target.from_numbers(values[:, 0]), LinearSettings())[0].alpha <= 1


def test_a_given_strength_is_used():
    target = Target.from_labels(np.arange(120) % 2)
    assert fit_selected(noise(), target, LinearSettings(C=3.0))[0].C == 3.0


def test_folds_hold_whole_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    # noise that is constant in a group predicts within groups only
    values, target = rng.normal(size=(12, 30))[groups], Target.from_labels((np.arange(12) % 2)[groups])
    assert fit_selected(values, target, LinearSettings())[0].C == 10
    assert fit_selected(values, target, LinearSettings(), groups)[0].C == 0.01


@pytest.mark.parametrize("n", [1, 3, 7])
def test_few_samples(n):
    target = Target.from_labels(np.arange(n) % 2, classes=[0, 1, 2])
    coefficients, intercepts = fit_linear(noise(n, 4), target, LinearSettings())
    assert np.isfinite(coefficients).all()
    assert np.isfinite(intercepts).all()
    multilabel = Target.from_multilabel(np.eye(3)[np.arange(n) % 3])
    assert np.isfinite(fit_linear(noise(n, 4), multilabel, LinearSettings())[0]).all()


SHAPES = [(60, 300), (300, 8), (MAX_ROTATED_FEATURES + 100, MAX_ROTATED_FEATURES + 1)]
"""More features than samples, few features, and too many features to replace them by principal axes."""


def correlated(rng, n, n_features):
    return 3 + rng.normal(size=(n, 4)) @ rng.normal(size=(4, n_features)) + rng.normal(size=(n, n_features))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_logistic_regression_equals_that_of_scikit_learn(shape, n_classes, weighted):
    rng = np.random.default_rng(0)
    values, codes = correlated(rng, *shape), np.arange(shape[0]) % n_classes
    values[:, 0] += codes
    weights = rng.uniform(0.5, 2, shape[0]) if weighted else None
    target = Target.from_labels(codes).weighted(weights) if weighted else Target.from_labels(codes)
    coefficients, intercepts = fit_linear(values.astype(np.float32), target, LinearSettings(C=0.1))
    expected = LogisticRegression(C=0.1, max_iter=10_000, tol=1e-8, solver="newton-cg").fit(
        values, codes, sample_weight=target.weights
    )
    tested = correlated(rng, 50, shape[1])
    actual = softmax(tested @ coefficients + intercepts, axis=1)
    np.testing.assert_allclose(actual, expected.predict_proba(tested), atol=5e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_regression_equals_that_of_scikit_learn(shape, weighted):
    rng = np.random.default_rng(0)
    values = correlated(rng, *shape)
    numbers = values[:, :2] + rng.normal(size=(shape[0], 2))
    weights = rng.uniform(0.5, 2, shape[0]) if weighted else None
    target = Target.from_numbers(numbers).weighted(weights) if weighted else Target.from_numbers(numbers)
    coefficients, intercepts = fit_linear(values, target, LinearSettings(alpha=3.0))
    expected = Ridge(alpha=3.0).fit(values, numbers, sample_weight=target.weights)
    np.testing.assert_allclose(coefficients, expected.coef_.T, atol=1e-8)
    np.testing.assert_allclose(intercepts, expected.intercept_, atol=1e-8)


def test_strengths_of_one_decomposition_equal_separate_fits():
    rng = np.random.default_rng(0)
    values = correlated(rng, 60, 300)
    target = Target.from_numbers(values[:, 0] + rng.normal(size=60))
    settings, coefficients, intercepts = fit_selected(values, target, LinearSettings())
    expected = Ridge(alpha=settings.alpha).fit(values, target.values)
    np.testing.assert_allclose(values @ coefficients[:, 0] + intercepts, expected.predict(values), atol=1e-8)


def test_held_out_predictions_equal_fits_to_the_other_samples():
    rng = np.random.default_rng(0)
    values, codes = correlated(rng, 60, 300), np.arange(60) % 3
    target, settings, parts = Target.from_labels(codes), LinearSettings(C=0.1), [np.arange(60) % 2 == f for f in (0, 1)]
    linear = predict_folds(values, target, settings, parts)
    for part in parts:
        coefficients, intercepts = fit_linear(values[~part], target.take(np.flatnonzero(~part)), settings)
        expected = softmax(values[part] @ coefficients + intercepts, axis=1)
        np.testing.assert_allclose(softmax(linear[part], axis=1), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(30, 5000), (30, 5), (20, 20)])
def test_principal_axes_are_orthonormal_and_reproduce_the_values(shape):
    values = correlated(np.random.default_rng(0), *shape)
    values[1] = values[0]
    found = PrincipalAxes.fit(values)
    axes = found.coefficients(np.eye(found.scores.shape[1]))
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-9)
    np.testing.assert_allclose((values - found.centre) @ axes, found.scores, atol=1e-8)
    np.testing.assert_allclose(found.centre + found.scores @ axes.T, values, atol=1e-6)


def test_values_without_variance_have_coefficients_of_0():
    target = Target.from_labels(np.arange(12) % 2)
    for n_features in (3, 50):
        coefficients, intercepts = fit_linear(np.ones((12, n_features)), target, LinearSettings())
        np.testing.assert_allclose(coefficients, 0, atol=1e-12)
        np.testing.assert_allclose(np.diff(intercepts), 0, atol=1e-6)


def test_a_search_that_ends_early_warns():
    values = correlated(np.random.default_rng(0), 60, 8)
    with pytest.warns(UserWarning, match="did not converge in max_iter=1 "):
        fit_linear(values, Target.from_labels(np.arange(60) % 3), LinearSettings(C=1.0, max_iter=1))
