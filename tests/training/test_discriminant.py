"""Linear discriminants: against densities that are known, and where classes or samples are few."""

import numpy as np
import pytest
from scipy.special import softmax

from redcore.data import Target
from redcore.training._discriminant import MAX_COMPONENTS, fit_discriminant


def draw(n, means, rng):
    codes = np.arange(n) % len(means)
    return means[codes] + rng.normal(size=(n, means.shape[1])), codes


def test_with_many_samples_it_is_the_log_density_ratio():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 4))
    values, codes = draw(30_000, means, rng)
    coefficients, intercepts = fit_discriminant(values, Target.from_labels(codes))
    tested = rng.normal(size=(50, 4))
    expected = -0.5 * ((tested[:, None] - means) ** 2).sum(axis=2)
    found = tested @ coefficients + intercepts
    np.testing.assert_allclose(softmax(found, axis=1), softmax(expected, axis=1), atol=0.02)


def test_evidence_of_modalities_adds_up_without_counting_classes_twice():
    rng = np.random.default_rng(1)
    means = rng.normal(size=(2, 6))
    values, codes = draw(40_000, means, rng)
    target = Target.from_labels(codes)
    whole = fit_discriminant(values, target)
    parts = [fit_discriminant(values[:, part], target) for part in (slice(0, 2), slice(2, 6))]
    tested = rng.normal(size=(20, 6))
    together = tested @ whole[0] + whole[1]
    added = tested[:, :2] @ parts[0][0] + parts[0][1] + tested[:, 2:] @ parts[1][0] + parts[1][1]
    difference = (added[:, 1] - added[:, 0]) - (together[:, 1] - together[:, 0])
    np.testing.assert_allclose(difference, 0, atol=0.1)


def test_nothing_is_known_of_a_class_without_samples():
    rng = np.random.default_rng(2)
    values, codes = draw(40, rng.normal(size=(2, 3)), rng)
    target = Target.from_labels(np.array(["a", "c"])[codes], classes=["a", "b", "c"])
    coefficients, intercepts = fit_discriminant(values, target)
    np.testing.assert_array_equal(coefficients[:, 1], 0)
    assert intercepts[1] == 0


@pytest.mark.parametrize("n_samples", [1, 2, 5])
@pytest.mark.parametrize("n_features", [1, MAX_COMPONENTS + 20])
def test_few_samples_and_many_features_give_finite_numbers(n_samples, n_features):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(n_samples, n_features))
    target = Target.from_labels(np.arange(n_samples) % 2, classes=[0, 1])
    coefficients, intercepts = fit_discriminant(values, target)
    assert coefficients.shape == (n_features, 2)
    assert np.isfinite(coefficients).all()
    assert np.isfinite(intercepts).all()


def test_constant_features_say_nothing():
    coefficients, intercepts = fit_discriminant(np.ones((8, 2)), Target.from_labels([0, 1] * 4))
    np.testing.assert_allclose(np.ones(2) @ coefficients + intercepts, 0, atol=1e-9)


def test_each_label_is_fitted_by_itself():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, size=(200, 2))
    values = 3.0 * labels + rng.normal(size=(200, 2))
    coefficients, intercepts = fit_discriminant(values, Target.from_multilabel(labels))
    said = values @ coefficients + intercepts > 0
    assert (said == labels).mean() > 0.85


def test_a_weight_of_two_is_the_sample_twice():
    rng = np.random.default_rng(5)
    values, codes = draw(30, rng.normal(size=(2, 2)), rng)
    weights = 1.0 + (np.arange(30) < 10)
    target = Target.from_labels(codes)
    rows = np.repeat(np.arange(30), weights.astype(int))
    weighted = fit_discriminant(values, target.weighted(weights))
    twice = fit_discriminant(values[rows], target.take(rows))
    said = [values @ coefficients + intercepts for coefficients, intercepts in (weighted, twice)]
    # the shrinkage counts samples, so that the two agree only nearly
    np.testing.assert_allclose(said[0], said[1], atol=0.15)
