"""Preprocessing is fitted to the observed training rows and saved with the model."""

import numpy as np
import pytest
from scipy.stats import kstest, norm, skew

from factories import make_data, tiny
from redcore.data import MultimodalData
from redcore.exceptions import SettingsError, UnknownNameError
from redcore.export import load_model, save_model
from redcore.methods import make_method
from redcore.preprocessing import Preprocessor, _features, _transforms

N = 500


def data(values, **options):
    return MultimodalData.from_arrays({"a": values}, **options)


def fitted(kind, values):
    return Preprocessor.fit(data(values), {"a": kind}).transform(data(values)).modalities["a"].values


@pytest.fixture
def skewed():
    return np.random.default_rng(0).lognormal(2, 1.5, size=(N, 3))


def test_standardize(skewed):
    values = fitted("standardize", skewed)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-5)


def test_log1p_reduces_skewness_and_keeps_signs(skewed):
    assert abs(skew(fitted("log1p", skewed))).max() < 1 < skew(fitted("standardize", skewed)).min()
    signs = np.array([[-5.0], [0.0], [5.0]])
    values = fitted("log1p", signs)
    assert values[0] == -values[2]


def test_quantile_makes_any_distribution_normal(skewed):
    values = fitted("quantile", skewed)
    for feature in values.T:
        assert kstest(feature, "norm").pvalue > 0.01
    beyond = Preprocessor.fit(data(skewed), {"a": "quantile"}).transform(data([[-1e9] * 3, [1e9] * 3]))
    assert np.isfinite(beyond.modalities["a"].values).all()


def test_quantile_interpolates_between_landmarks_from_both_sides(skewed):
    skewed[: N // 4, 0] = skewed[0, 0]
    transform = Preprocessor.fit(data(skewed), {"a": "quantile"}).transforms[0]
    landmarks, values = transform.to_arrays()["landmarks"], np.concatenate([skewed, [[-1e9] * 3, [1e9] * 3]])
    levels = np.linspace(0, 1, len(landmarks))
    for column, marks, mapped in zip(values.T, landmarks.T, transform.map_array(values).T, strict=True):
        rising, falling = np.interp(column, marks, levels), -np.interp(-column, -marks[::-1], -levels[::-1])
        expected = norm.ppf(((rising + falling) / 2).clip(1e-4, 1 - 1e-4))
        np.testing.assert_allclose(mapped, expected, rtol=1e-6, atol=1e-6)


def test_tied_values_map_to_the_middle_of_their_levels():
    values = fitted("quantile", np.array([[0.0]] * 80 + [[1.0]] * 20))
    np.testing.assert_allclose(np.unique(values), [-0.25, 1.28], atol=0.05)


def test_identity_only_clips():
    np.testing.assert_array_equal(fitted("identity", np.array([[3.0], [1e9]])), [[3], [20]])


@pytest.mark.parametrize("kind", ["standardize", "log1p", "quantile"])
def test_constant_features_and_one_row(kind):
    assert np.isfinite(fitted(kind, np.full((5, 2), 7.0))).all()
    assert np.isfinite(fitted(kind, np.array([[1e30, -1e-30]]))).all()


@pytest.mark.parametrize("kind", ["standardize", "log1p"])
def test_chunks_give_the_statistics_of_all_rows(skewed, kind, monkeypatch):
    at_once = Preprocessor.fit(data(skewed), {"a": kind})
    for module in (_features, _transforms):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    chunked = Preprocessor.fit(data(skewed), {"a": kind})
    for name, array in at_once.to_arrays().items():
        np.testing.assert_allclose(chunked.to_arrays()[name], array, rtol=1e-12)
    np.testing.assert_allclose(
        chunked.transform(data(skewed)).modalities["a"].values,
        at_once.transform(data(skewed)).modalities["a"].values,
        rtol=1e-6,
    )


def test_hidden_values_enter_no_statistic(skewed):
    hidden = skewed.copy()
    hidden[::2] = 1e30
    seen = data(hidden, availability=(np.arange(N) % 2 == 1)[:, None])
    for kind in ("standardize", "log1p", "quantile"):
        for name, array in Preprocessor.fit(seen, {"a": kind}).to_arrays().items():
            np.testing.assert_array_equal(array, Preprocessor.fit(data(skewed[1::2]), {"a": kind}).to_arrays()[name])


@pytest.mark.parametrize("sequences", [False, True])
def test_preprocessing_is_saved_with_the_model(tmp_path, sequences):
    source = make_data(sequences=sequences)
    settings = tiny("redcore", preprocessing="quantile,text=log1p,video=identity")
    model = make_method("redcore", settings=settings).fit(source)
    assert model.preprocessor.kinds == {"audio": "quantile", "text": "log1p", "video": "identity"}
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(source), model.predict(source))


def test_unknown_kinds_and_modalities():
    with pytest.raises(SettingsError, match="preprocessing"):
        make_method("redcore", settings={"preprocessing": "whiten"})
    with pytest.raises(UnknownNameError, match=r"modality \(of preprocessing\) 'smell'"):
        make_method("redcore", settings=tiny("redcore", preprocessing="smell=log1p")).fit(make_data())


def test_auto_maps_skewed_features_and_standardises_the_others(skewed):
    rng = np.random.default_rng(1)
    values = np.concatenate([skewed, rng.standard_normal((N, 2)) * 5 + 3, np.full((N, 1), 4.0)], axis=1)
    found = fitted("auto", values)
    np.testing.assert_array_equal(found[:, :3], fitted("quantile", values)[:, :3])
    np.testing.assert_array_equal(found[:, 3:], fitted("standardize", values)[:, 3:])
