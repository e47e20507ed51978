"""Gaussian model: its posterior equals a brute-force computation, is calibrated, and is optimal."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from factories import make_data
from redcore import load_dataset
from redcore.datasets import GaussianModel, GaussianSettings, gaussian
from redcore.exceptions import DataError, EmptySampleWarning
from redcore.export import load_model, save_model
from redcore.methods import make_method
from redcore.metrics import missing_patterns


def world(**changes) -> GaussianModel:
    return GaussianModel.make(GaussianSettings.parse({"n_features": 3, "n_classes": 3, **changes}))


def only(data, pattern):
    keep = np.array([name in pattern for name in data.names])
    return data.hide(np.broadcast_to(keep, (data.n_samples, len(keep))))


def brute_force(model, sample, pattern):
    """Return the posterior class probabilities from the joint density of all observed values."""
    blocks, steps = [], []
    for name in pattern:
        values = np.atleast_2d(sample[name])
        blocks.append(values.ravel())
        steps.append(len(values))
    width = model.settings.n_features
    shared = np.concatenate([np.tile(model.shared[name], (n, 1)) for name, n in zip(pattern, steps, strict=True)])
    covariance = shared @ shared.T + np.eye(len(shared))
    start = 0
    for name, n in zip(pattern, steps, strict=True):
        own = np.tile(model.private[name], (n, 1))
        stop = start + n * width
        covariance[start:stop, start:stop] += own @ own.T
        start = stop
    logs = [
        multivariate_normal(
            np.concatenate([np.tile(model.means[name][c], n) for name, n in zip(pattern, steps, strict=True)]),
            covariance,
        ).logpdf(np.concatenate(blocks))
        for c in range(model.settings.n_classes)
    ]
    odds = np.exp(np.array(logs) - max(logs))
    return odds / odds.sum()


@pytest.mark.parametrize("max_length", [0, 4])
@pytest.mark.parametrize("n_modalities", [1, 3])
def test_posterior_equals_brute_force(max_length, n_modalities):
    model = world(max_length=max_length, n_modalities=n_modalities)
    data = model.sample(12, np.random.default_rng(0))
    for size in range(1, n_modalities + 1):
        for pattern in combinations(model.names, size):
            ours = model.posterior(only(data, pattern))
            for row in range(data.n_samples):
                sample = {}
                for name in pattern:
                    observed = data.modalities[name].gather(np.array([row]))
                    sample[name] = observed.values[0].astype(np.float64)
                np.testing.assert_allclose(ours[row], brute_force(model, sample, pattern), rtol=1e-6, atol=1e-12)


def test_posterior_is_calibrated_and_improves_with_more_modalities():
    model = GaussianModel.make(GaussianSettings())
    data = model.sample(20_000, np.random.default_rng(0))
    codes, accuracy = data.target.values, {}
    for pattern in missing_patterns(data.names):
        posterior = model.posterior(only(data, pattern))
        hit, confidence = posterior.argmax(axis=1) == codes, posterior.max(axis=1)
        accuracy[pattern] = hit.mean()
        bins = np.digitize(confidence, np.linspace(0, 1, 16)[1:-1])
        gaps = [abs(hit[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
        assert sum(gaps) < 0.02
    for pattern, value in accuracy.items():
        for more, better in accuracy.items():
            if set(pattern) < set(more):
                assert better > value - 0.005
    assert accuracy[data.names] < 0.99
    assert accuracy[data.names] > max(value for pattern, value in accuracy.items() if len(pattern) == 1) + 0.02


def test_trained_discriminant_is_not_better():
    model = GaussianModel.make(GaussianSettings())
    train, test = (model.sample(20_000, np.random.default_rng(seed)) for seed in (1, 2))
    tables = [np.concatenate([m.values for m in data.modalities.values()], axis=1) for data in (train, test)]
    trained = LinearDiscriminantAnalysis().fit(tables[0], train.target.values).score(tables[1], test.target.values)
    best = (model.posterior(test).argmax(axis=1) == test.target.values).mean()
    assert best > trained - 0.003


def test_noise_gives_uniform_posterior():
    model = world(informativeness=[0.0])
    np.testing.assert_allclose(model.posterior(model.sample(10, np.random.default_rng(0))), 1 / 3)


@pytest.mark.parametrize("max_length", [0, 3])
def test_method_bayes(tmp_path, max_length):
    options = {"n_modalities": 20, "n_features": 2, "max_length": max_length, "world_seed": 5}
    data = gaussian.load(200, **options)
    hidden = data.hide(np.random.default_rng(0).random((200, 20)) > 0.7)
    model = make_method("bayes", settings=options).fit(hidden.part("train"))
    expected = GaussianModel.make(GaussianSettings.parse(options)).posterior(hidden)
    np.testing.assert_array_equal(model.predict(hidden), expected)
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(hidden), expected)
    with pytest.warns(EmptySampleWarning):
        nothing = model.predict(data.hide(np.zeros((200, 20), dtype=bool)))
    np.testing.assert_allclose(nothing[0], model.prior)


def test_bayes_knows_no_other_data():
    with pytest.raises(DataError, match="supports the data sets gaussian and weibull only"):
        make_method("bayes").fit(make_data())
    with pytest.raises(DataError, match="supports the data sets gaussian and weibull only"):
        make_method("bayes", settings={"n_features": 5}).fit(load_dataset("gaussian"))


def test_bundled_data():
    data = load_dataset("gaussian")
    assert data.n_samples == 5000
    assert np.bincount(data.split).tolist() == [3000, 750, 1250]
    assert data.checksum() == load_dataset("gaussian").checksum() != gaussian.load(seed=1).checksum()


def test_posterior_mean_of_the_continuous_target_is_unbiased_and_optimal():
    data = gaussian.load(4000, target="number")
    bayes = make_method("bayes", settings={"target": "number"}).fit(data.part("train"))
    baseline = make_method("mean_fill").fit(data.part("train"))
    test = data.part("test")
    for hidden in ((), ("m02",), ("m00", "m01")):
        keep = ~np.isin(test.names, hidden)
        part = test.hide(np.broadcast_to(keep, (test.n_samples, len(keep))))
        residuals = part.target.values - bayes.predict(part)[:, 0]
        # unbiased for every predicted value, and better than a trained baseline
        assert abs(np.polyfit(bayes.predict(part)[:, 0], part.target.values, 1)[0] - 1) < 0.1
        assert abs(residuals.mean()) < 0.08
        assert (residuals**2).mean() < ((part.target.values - baseline.predict(part)[:, 0]) ** 2).mean()
    assert (residuals**2).mean() > 0.25
