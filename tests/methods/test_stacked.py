"""Stacking around any network method: the same aids for every network, in one model that is saved and exported."""

import numpy as np
import pytest

from factories import TARGETS, make_data, tiny
from redcore.exceptions import SettingsError, UnknownNameError
from redcore.export import export_onnx, load_model, save_model
from redcore.methods import make_method, method_class

BASES = ("redcore", "zero_fill", "mvtcae", "mmin")


def stacked(base, **changes):
    return make_method("stacked", settings=tiny("stacked", base=base, n_members=2, **changes))


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("base", BASES)
def test_every_base_and_target_is_stacked_saved_and_loaded(base, kind, tmp_path):
    data = make_data(kind, 40, sequences=True)
    model = stacked(base).fit(data, seed=0)
    assert len(model.networks) == 2
    assert model.evidence is not None
    weights = model.evidence.stack.weights
    assert (weights >= 0).all()
    if base != "redcore":
        # source 1 is the unimodal heads, which only RedCore's network has
        assert weights[1] == pytest.approx(0, abs=1e-12)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))
    assert loaded.settings == model.settings


@pytest.mark.parametrize("base", BASES)
def test_every_base_is_exported(base, tmp_path):
    data = make_data("multiclass", 40, sequences=True)
    assert export_onnx(stacked(base).fit(data, seed=0), tmp_path / "model.onnx") <= 1e-5


@pytest.mark.parametrize("kind", TARGETS)
def test_around_redcore_it_is_the_default_method(kind):
    data = make_data(kind, 40)
    one = make_method("redcore", settings=tiny("redcore")).fit(data, seed=3)
    other = make_method("stacked", settings=tiny("stacked")).fit(data, seed=3)
    np.testing.assert_array_equal(one.predict(data), other.predict(data))
    assert one.supervision_weight == other.supervision_weight


def test_without_members_and_stack_it_is_the_base_method():
    data = make_data(n_samples=40)
    bare = make_method("zero_fill", settings=tiny("zero_fill")).fit(data, seed=3)
    one = make_method("stacked", settings=tiny("stacked", base="zero_fill", n_members=1, evidence="joint"))
    np.testing.assert_allclose(one.fit(data, seed=3).predict(data), bare.predict(data), atol=1e-12)


def test_networks_without_a_rule_have_no_supervision_weights():
    model = stacked("zero_fill").fit(make_data(n_samples=40), seed=0)
    assert model.supervision_weight == {}


def test_settings_of_the_base_are_given_beside_or_inside():
    settings = method_class("stacked").Settings
    beside = settings.parse({"base": "mmin", "latent_dim": "16", "n_members": 2})
    inside = settings.parse({"base": "mmin", "base_settings": {"latent_dim": 16}, "n_members": 2})
    assert beside.base_method_settings() == inside.base_method_settings()
    assert beside.base_method_settings().latent_dim == 16
    assert settings.parse(beside.dump()) == beside


@pytest.mark.parametrize(
    ("values", "error", "fragment"),
    [
        ({"base": "late_fusion"}, SettingsError, "'late_fusion' cannot be stacked"),
        ({"base": "stacked"}, SettingsError, "'stacked' cannot be stacked"),
        ({"base": "nothing"}, UnknownNameError, "nothing"),
        ({"base": "zero_fill", "kl_weight": 1}, UnknownNameError, "kl_weight"),
        ({"latent_dim": -1}, SettingsError, "latent_dim"),
        ({"base_settings": {"n_members": 3}}, SettingsError, "n_members"),
    ],
)
def test_settings_that_do_not_fit_are_named(values, error, fragment):
    with pytest.raises(error, match=fragment):
        method_class("stacked").Settings.parse(values)
