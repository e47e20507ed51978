"""Selection of the regularisation strength of linear models by cross-validation."""

import numpy as np
import pytest

from redcore.data import Target
from redcore.linear import LinearSettings, fit_linear
from redcore.linear._fit import with_strength


def noise(n=120, n_features=100, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n_features))


def test_noise_is_shrunk_and_signal_is_not():
    values = noise()
    labels = np.random.default_rng(1).integers(0, 2, 120)
    assert with_strength(values, Target.from_labels(labels), LinearSettings()).C == 0.01
    clear = Target.from_labels((values[:, :3].sum(axis=1) > 0).astype(int))
    assert with_strength(values[:, :3], clear, LinearSettings()).C == 10
    numbers = Target.from_numbers(np.random.default_rng(1).standard_normal(120))
    assert with_strength(values, numbers, LinearSettings()).alpha >= 1000
    assert with_strength(values, Target.from_numbers(values[:, 0]), LinearSettings()).alpha <= 1


def test_a_given_strength_is_used():
    target = Target.from_labels(np.arange(120) % 2)
    assert with_strength(noise(), target, LinearSettings(C=3.0)).C == 3.0


def test_folds_hold_whole_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    # a feature that names the group predicts within groups only
    values, labels = np.eye(12)[groups] * 5, rng.integers(0, 2, 12)[groups]
    target = Target.from_labels(labels)
    assert with_strength(values, target, LinearSettings()).C == 10
    assert with_strength(values, target, LinearSettings(), groups).C == 0.01


@pytest.mark.parametrize("n", [1, 3, 7])
def test_few_samples(n):
    target = Target.from_labels(np.arange(n) % 2, classes=[0, 1, 2])
    coefficients, intercepts = fit_linear(noise(n, 4), target, LinearSettings())
    assert np.isfinite(coefficients).all()
    assert np.isfinite(intercepts).all()
    multilabel = Target.from_multilabel(np.eye(3)[np.arange(n) % 3])
    assert np.isfinite(fit_linear(noise(n, 4), multilabel, LinearSettings())[0]).all()
