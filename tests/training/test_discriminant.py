"""The discriminant, against known densities and with few classes, modalities or samples."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from redcore import ampute
from redcore.data import MultimodalData, Target
from redcore.datasets import GaussianModel, GaussianSettings, gaussian
from redcore.linear import Discriminant
from redcore.linear._discriminant import MAX_COMPONENTS, _directions, _ledoit_wolf
from redcore.linear._factor_analysis import View, fit_loadings, inverse_noise_times
from redcore.metrics import missing_patterns
from redcore.nn import batches


def draw(n, means, rng):
    codes = np.arange(n) % len(means)
    return means[codes] + rng.normal(size=(n, means.shape[1])), codes


def data_of(target, **modalities):
    return MultimodalData.from_arrays(modalities, target)


def ratios(fitted, data):
    """Return the log density ratios of a data set."""
    return np.concatenate([fitted(batch).numpy() for batch in batches(data)])


def ratios_of(fitted, **modalities):
    return ratios(fitted, MultimodalData.from_arrays(modalities))


def test_many_samples_recover_the_log_density_ratio():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 4))
    values, codes = draw(30_000, means, rng)
    fitted = Discriminant.fit(data_of(Target.from_labels(codes), only=values))
    tested = rng.normal(size=(50, 4))
    expected = -0.5 * ((tested[:, None] - means) ** 2).sum(axis=2)
    np.testing.assert_allclose(softmax(ratios_of(fitted, only=tested), axis=1), softmax(expected, axis=1), atol=0.02)


def test_ratios_of_independent_modalities_add_up():
    rng = np.random.default_rng(1)
    values, codes = draw(20_000, rng.normal(size=(2, 6)), rng)
    target = Target.from_labels(codes)
    whole = Discriminant.fit(data_of(target, only=values))
    parts = Discriminant.fit(data_of(target, a=values[:, :2], b=values[:, 2:]))
    tested = rng.normal(size=(20, 6))
    together, added = ratios_of(whole, only=tested), ratios_of(parts, a=tested[:, :2], b=tested[:, 2:])
    np.testing.assert_allclose(np.diff(together), np.diff(added), atol=0.1)


@pytest.fixture(scope="module")
def fitted_to_gaussian():
    """Return 1,000 test samples, and a discriminant fitted to 5,000 samples with missing modalities."""
    data = gaussian.load(6000)
    rates = dict(zip(data.names, (0.2, 0.5, 0.8), strict=True))
    train = ampute(data.take(np.arange(5000)), "imbalanced", rates, np.random.default_rng(0))
    return data.take(np.arange(5000, 6000)), Discriminant.fit(train)


@pytest.mark.parametrize("pattern", missing_patterns(("m00", "m01", "m02")), ids="+".join)
def test_shared_factors_reach_the_bayes_prediction(fitted_to_gaussian, pattern):
    test, fitted = fitted_to_gaussian
    test = test.hide(np.broadcast_to(np.isin(test.names, pattern), (1000, 3)))
    best = GaussianModel.make(GaussianSettings()).posterior(test)
    found = softmax(ratios(fitted, test), axis=1)
    truth = test.target.values
    assert (found.argmax(axis=1) == truth).mean() > (best.argmax(axis=1) == truth).mean() - 0.02
    assert -np.log(found[np.arange(1000), truth]).mean() < -np.log(best[np.arange(1000), truth]).mean() + 0.05


def test_a_copy_of_a_modality_adds_no_information():
    rng = np.random.default_rng(2)
    values, codes = draw(5000, rng.normal(size=(2, 3)), rng)
    noisy = values + 0.05 * rng.normal(size=values.shape)
    fitted = Discriminant.fit(data_of(Target.from_labels(codes), a=values, b=noisy))
    tested = rng.normal(size=(200, 3))
    once, twice = (
        np.diff(ratios_of(fitted, a=tested, b=np.full_like(tested, np.nan))),
        np.diff(ratios_of(fitted, a=tested, b=tested)),
    )
    assert 0.9 < (twice * once).sum() / (once**2).sum() < 1.3


def test_a_third_modality_relates_two_that_are_never_observed_together():
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(6000, 1))
    values = [0.8 * factor + 0.6 * rng.normal(size=(6000, 1)) for _ in range(3)]
    rows = [np.arange(0, 3000), np.arange(3000, 6000), np.arange(6000)]
    views = [View(r, v[r], np.ones(len(r))) for r, v in zip(rows, values, strict=True)]
    first, second, third = (loading[0, 0] for loading in fit_loadings(views, 6000, 1))
    np.testing.assert_allclose([first * second, first * third], 0.64, atol=0.08)


def test_a_class_without_samples_has_a_ratio_of_0():
    rng = np.random.default_rng(2)
    values, codes = draw(40, rng.normal(size=(2, 3)), rng)
    target = Target.from_labels(np.array(["a", "c"])[codes], classes=["a", "b", "c"])
    fitted = Discriminant.fit(data_of(target, only=values))
    np.testing.assert_array_equal(ratios_of(fitted, only=rng.normal(size=(5, 3)))[:, 1], 0)


@pytest.mark.parametrize("n_samples", [1, 2, 5])
@pytest.mark.parametrize("n_features", [1, MAX_COMPONENTS + 20])
def test_few_samples_and_many_features_give_finite_numbers(n_samples, n_features):
    rng = np.random.default_rng(3)
    values = {name: rng.normal(size=(n_samples, n_features)) for name in "ab"}
    fitted = Discriminant.fit(data_of(Target.from_labels(np.arange(n_samples) % 2, classes=[0, 1]), **values))
    found = ratios_of(fitted, **values)
    assert found.shape == (n_samples, 2)
    assert np.isfinite(found).all()


def test_a_modality_that_was_never_observed_in_training_is_ignored():
    rng = np.random.default_rng(6)
    values, codes = draw(50, rng.normal(size=(2, 3)), rng)
    nothing = np.full_like(values, np.nan)
    fitted = Discriminant.fit(data_of(Target.from_labels(codes), a=values, b=nothing, c=values))
    np.testing.assert_array_equal(
        ratios_of(fitted, a=values, b=values, c=nothing), ratios_of(fitted, a=values, b=nothing, c=nothing)
    )


def test_constant_features_have_a_ratio_of_0():
    fitted = Discriminant.fit(data_of(Target.from_labels([0, 1] * 4), only=np.ones((8, 2))))
    np.testing.assert_allclose(ratios_of(fitted, only=np.ones((1, 2))), 0, atol=1e-9)


def test_each_label_is_fitted_separately():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, size=(200, 2))
    values = 3.0 * labels + rng.normal(size=(200, 2))
    fitted = Discriminant.fit(data_of(Target.from_multilabel(labels), a=values, b=values))
    assert ((ratios_of(fitted, a=values, b=values) > 0) == labels).mean() > 0.85


def test_a_weight_of_two_repeats_the_sample():
    rng = np.random.default_rng(5)
    values, codes = draw(30, rng.normal(size=(2, 4)), rng)
    weights = 1.0 + (np.arange(30) < 10)
    target = Target.from_labels(codes)
    rows = np.repeat(np.arange(30), weights.astype(int))
    weighted = Discriminant.fit(data_of(target.weighted(weights), a=values[:, :2], b=values[:, 2:]))
    twice = Discriminant.fit(data_of(target.take(rows), a=values[rows, :2], b=values[rows, 2:]))
    found = [ratios_of(one, a=values[:, :2], b=values[:, 2:]) for one in (weighted, twice)]
    # the shrinkage counts samples, so that the two agree only nearly
    np.testing.assert_allclose(found[0], found[1], atol=0.3)


def test_restored_from_arrays():
    data = gaussian.load(100)
    fitted = Discriminant.fit(data)
    restored = Discriminant.from_arrays(fitted.to_arrays(), data.names)
    np.testing.assert_array_equal(ratios(restored, data), ratios(fitted, data))


@pytest.mark.parametrize("shape", [(200, 5), (20, 90), (2, 4), (30, 1)])
def test_shrinkage_equals_that_of_scikit_learn(shape):
    values = np.random.default_rng(7).normal(size=shape) * np.arange(1, shape[1] + 1)
    np.testing.assert_allclose(_ledoit_wolf(values), ledoit_wolf(values, assume_centered=True)[0], rtol=1e-9)


@pytest.mark.parametrize("shape", [(300, 3000), (400, MAX_COMPONENTS + 50), (40, 3000)])
def test_directions_are_the_principal_components(shape):
    rng = np.random.default_rng(8)
    values = rng.normal(size=shape) * np.exp(-np.arange(shape[1]) / 20)
    axes, scores = _directions(values)
    expected = PCA(axes.shape[1], svd_solver="full").fit(values)
    np.testing.assert_allclose(np.sort(scores.var(axis=0, ddof=1))[::-1], expected.explained_variance_, atol=1e-9)
    np.testing.assert_allclose((values - values.mean(axis=0)) @ axes, scores, atol=1e-9)


def test_the_inverse_noise_is_applied_without_a_matrix_of_all_components():
    rng = np.random.default_rng(9)
    loading, right = 0.1 * rng.normal(size=(30, 4)), rng.normal(size=(30, 6))
    expected = np.linalg.solve(np.eye(30) - loading @ loading.T, right)
    np.testing.assert_allclose(inverse_noise_times(loading, right), expected, atol=1e-12)
