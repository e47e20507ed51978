"""Random completions of missing modalities, and uncertainty due to missing modalities."""

import numpy as np
import pytest

from factories import make_data, tiny
from redcore.data import MultimodalData
from redcore.datasets import gaussian
from redcore.exceptions import DataError, UnsupportedError
from redcore.methods import make_method
from redcore.uncertainty import Completions, acquisition_values, uncertainty


@pytest.fixture(scope="module")
def world() -> tuple[Completions, MultimodalData]:
    """Return completions by RedCore for three modalities, of which the last is most informative, and test samples."""
    data = gaussian.load(1400, n_features=6, informativeness=(0.1, 0.3, 1.2))
    settings = {"n_members": 1, "max_epochs": 15, "latent_dim": 16}
    method = make_method("stacked", settings=settings).fit(data.take(np.arange(700)))
    return Completions.make(method, data.take(np.arange(700, 1100))), data.take(np.arange(1100, 1300))


def observing(data: MultimodalData, *names: str) -> MultimodalData:
    keep = np.isin(data.names, names)
    return data.hide(np.broadcast_to(keep, (data.n_samples, len(keep))))


def test_complete_samples_have_no_uncertainty_from_missing_modalities(world):
    completions, test = world
    found = uncertainty(completions, test)
    np.testing.assert_array_equal(found.from_missing, 0)
    assert (found.total > 0).all()
    assert np.isnan(acquisition_values(completions, test)).all()


def test_the_share_is_larger_if_the_most_informative_modality_is_missing(world):
    completions, test = world
    weak, strong = (uncertainty(completions, observing(test, *names)) for names in (("m00", "m01"), ("m01", "m02")))
    assert weak.share.mean() > 2 * strong.share.mean()
    assert ((weak.share >= 0) & (weak.share <= 1)).all()
    assert (weak.from_missing <= weak.total).all()


def test_the_most_informative_modality_has_the_largest_acquisition_value(world):
    completions, test = world
    values = acquisition_values(completions, observing(test, "m00"))
    assert np.isnan(values[:, 0]).all()
    assert values[:, 2].mean() > 2 * values[:, 1].mean()


def test_acquisition_values_match_the_actual_decrease_of_entropy(world):
    completions, test = world

    def entropy(data: MultimodalData) -> float:
        outputs = completions.method.predict(data)
        return float(-(outputs * np.log(outputs)).sum(axis=1).mean())

    expected = np.nanmean(acquisition_values(completions, observing(test, "m01"))[:, 2])
    actual = entropy(observing(test, "m01")) - entropy(observing(test, "m01", "m02"))
    assert 0.6 * actual < expected < 1.6 * actual


def test_completions_are_conditional_on_the_sample(world):
    completions, test = world
    drawn = completions.draw(observing(test, "m00", "m01"), ("m02",), 20, np.random.default_rng(0))
    assert drawn.n_samples == 20 * test.n_samples
    values = drawn.modalities["m02"].values.reshape(20, test.n_samples, -1).mean(axis=0)
    truth = test.modalities["m02"].values
    correlations = [np.corrcoef(values[:, k], truth[:, k])[0, 1] for k in range(truth.shape[1])]
    # shared factors and the class are informative of it
    assert np.mean(correlations) > 0.1


@pytest.mark.parametrize("kind", ["binary", "multilabel", "regression", "several numbers"])
def test_every_kind_of_target(kind):
    data = make_data(kind, 40)
    method = make_method("stacked", settings=tiny("stacked", n_members=1)).fit(data)
    completions = Completions.make(method, data)
    found, values = uncertainty(completions, data, 4), acquisition_values(completions, data, 4)
    assert np.isfinite(found.total).all()
    assert (found.from_missing >= 0).all()
    np.testing.assert_array_equal(np.isnan(values), data.availability)
    np.testing.assert_array_equal(acquisition_values(completions, data, 4), values)


def test_samples_without_any_modality_are_completed():
    data = make_data("multiclass", 40)
    method = make_method("stacked", settings=tiny("stacked", n_members=1)).fit(data)
    found = uncertainty(Completions.make(method, data), data.take([0, 1]).hide(np.zeros((2, 3))), 4)
    assert np.isfinite(found.total).all()


def test_modalities_never_observed_together_are_completed_one_after_the_other():
    data = make_data("multiclass", 40, holes=False)
    apart = np.ones((40, 3), dtype=bool)
    apart[:20, 0], apart[20:, 1] = False, False
    method = make_method("stacked", settings=tiny("stacked", n_members=1)).fit(data)
    completions = Completions.make(method, data.hide(apart))
    drawn = completions.draw(observing(data, "video"), ("audio", "text"), 3, np.random.default_rng(0))
    assert drawn.n_samples == 120
    assert drawn.availability.all()
    alone = Completions.make(method, observing(data, "video"))
    with pytest.raises(DataError, match="no reference sample observes audio"):
        alone.draw(observing(data, "video"), ("audio",), 3, np.random.default_rng(0))


def test_methods_without_imputers_are_rejected():
    data = make_data("multiclass", 40)
    with pytest.raises(UnsupportedError, match="LateFusion does not impute codes"):
        Completions.make(make_method("late_fusion").fit(data), data)


def test_draws_from_the_posterior_of_the_codes():
    data = make_data("multiclass", 40)
    method = make_method("stacked", settings=tiny("stacked", n_members=2)).fit(data)
    draws = method.sample(data, 5, seed=3)
    assert draws.shape == (5, 40, 3)
    np.testing.assert_allclose(draws.sum(axis=2), 1)
    assert (draws.std(axis=0) > 0).any()
    np.testing.assert_array_equal(draws, method.sample(data, 5, seed=3))
    # sampling does not change the state of the method
    np.testing.assert_array_equal(method.predict(data), method.predict(data))
    with pytest.raises(UnsupportedError, match="no posterior"):
        make_method("late_fusion").fit(data).sample(data, 2)
