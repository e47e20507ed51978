"""Stacking around any network method: fit, prediction, saved models and export."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from factories import TARGETS, make_data, tiny
from redcore.data import TargetKind
from redcore.exceptions import HoldOutWarning, SettingsError, UnknownNameError, UnsupportedError
from redcore.export import export_onnx, load_model, save_model
from redcore.linear import UnimodalLinear
from redcore.methods import MethodSettings, make_method, method_class
from redcore.stacking import StackingWeights

BASES = ("redcore", "zero_fill", "mvtcae", "mmin")
DATA = make_data("multiclass", 24)


def stacked(base, **changes):
    return make_method("stacked", settings=tiny("stacked", base=base, n_members=2, **changes))


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("base", BASES)
def test_every_base_and_target_is_stacked_saved_and_loaded(base, kind, tmp_path):
    data = make_data(kind, 40, sequences=True)
    model = stacked(base).fit(data, seed=0)
    assert len(model.networks) == 2
    assert model.stack is not None
    weights = model.stack.weighting.weights
    assert (weights >= 0).all()
    if base != "redcore":
        # source 1 are the unimodal heads, which only the network of RedCore has
        assert weights[1] == pytest.approx(0, abs=1e-12)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))
    assert loaded.settings == model.settings


@pytest.mark.parametrize("base", BASES)
def test_every_base_is_exported(base, tmp_path):
    data = make_data("multiclass", 40, sequences=True)
    assert export_onnx(stacked(base).fit(data, seed=0), tmp_path / "model.onnx") <= 1e-5


def test_it_is_the_default_method_and_wraps_redcore():
    assert type(make_method()) is method_class("stacked")
    assert type(make_method(preset="default")) is method_class("stacked")
    assert type(make_method().base) is method_class("redcore")


@pytest.mark.parametrize("base", BASES)
def test_one_member_without_the_stack_is_the_base_method(base):
    data = make_data(n_samples=40)
    bare = make_method(base, settings=tiny(base)).fit(data, seed=3)
    one = make_method("stacked", settings=tiny("stacked", base=base, n_members=1, stacking=False))
    np.testing.assert_allclose(one.fit(data, seed=3).predict(data), bare.predict(data), atol=1e-12)
    assert one.supervision_weight == bare.supervision_weight


def test_draws_come_from_the_posterior_of_every_member():
    data = make_data(n_samples=40)
    draws = stacked("redcore").fit(data, seed=0).sample(data, 3, seed=1)
    assert draws.shape == (3, 40, 3)
    assert not np.allclose(draws[0], draws[1])
    with pytest.raises(UnsupportedError, match="posterior"):
        stacked("zero_fill").fit(data, seed=0).sample(data, 3)


def test_all_settings_of_the_base_are_saved():
    settings = method_class("stacked").Settings.parse({"base": "zero_fill"})
    expected = method_class("zero_fill")().settings.dump()
    assert settings.dump()["base_settings"] | MethodSettings().dump() == expected


def test_the_search_space_is_that_of_the_base_method_and_the_number_of_networks():
    space = make_method("stacked").settings.search_space()
    assert space.pop("n_members").choices == (1, 3, 5)
    assert space == make_method("redcore").settings.search_space()


def test_networks_without_a_rule_have_no_supervision_weights():
    model = stacked("zero_fill").fit(make_data(n_samples=40), seed=0)
    assert model.supervision_weight == {}


def test_settings_of_the_base_are_accepted_at_both_levels():
    settings = method_class("stacked").Settings
    beside = settings.parse({"base": "mmin", "latent_dim": "16", "n_members": 2})
    inside = settings.parse({"base": "mmin", "base_settings": {"latent_dim": 16}, "n_members": 2})
    assert beside.of_base == inside.of_base
    assert beside.of_base.latent_dim == 16
    assert settings.parse(beside.dump()) == beside


@pytest.mark.parametrize(
    ("values", "error", "fragment"),
    [
        ({"base": "late_fusion"}, SettingsError, "'late_fusion' cannot be stacked"),
        ({"base": "stacked"}, SettingsError, "'stacked' cannot be stacked"),
        ({"base": "nothing"}, SettingsError, "unknown method .nothing."),
        ({"base": "zero_fill", "kl_weight": 1}, UnknownNameError, "kl_weight"),
        ({"latent_dim": -1}, SettingsError, "latent_dim"),
        ({"base_settings": {"n_members": 3}}, SettingsError, "n_members"),
    ],
)
def test_errors_of_settings(values, error, fragment):
    with pytest.raises(error, match=fragment):
        method_class("stacked").Settings.parse(values)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("sequences", [False, True])
def test_validation_labels_affect_the_stacking_weights_only(kind, sequences):
    data, validation = make_data(kind, sequences=sequences), make_data(kind, n_samples=12, sequences=sequences)
    turned = replace(validation, target=validation.target.take(np.arange(12)[::-1]))
    settings = tiny("stacked", max_epochs=1)
    one, other = (make_method("stacked", settings=settings).fit(data, each) for each in (validation, turned))
    for name, array in one.arrays().items():
        if not name.endswith("stack/weights"):
            np.testing.assert_array_equal(array, other.arrays()[name])
    assert (one.stack.weighting.weights >= 0).all()


def test_without_validation_the_joint_head_predicts():
    model = make_method("stacked", settings=tiny("stacked", validation_fraction=0)).fit(DATA)
    assert model.stack is None


def test_linear_models_are_refitted_on_all_samples():
    model = make_method("stacked", settings=tiny("stacked")).fit(DATA)
    # with the regularisation strengths selected on the training split
    refitted = UnimodalLinear.fit(DATA, model.stack.linear.settings)
    for expected, linear in zip(refitted.models, model.stack.linear.models, strict=True):
        np.testing.assert_allclose(linear.coefficients, expected.coefficients, atol=1e-3)


def test_stacking_selects_the_informative_source():
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=2000)
    right = np.log(np.full((2000, 3), 0.1))
    right[np.arange(2000), codes] = np.log(0.8)
    truth = np.where(rng.random(2000) < 0.8, codes, rng.integers(3, size=2000))
    sources = np.stack([rng.normal(size=(2000, 3)), right], axis=1)
    stack = StackingWeights.fit(sources, truth, TargetKind.MULTICLASS, np.array([0.5, 0.5]))
    assert stack.weights[0] < 0.1
    # the accuracy of the source is 0.8 + 0.2 / 3, so its weight is above 1
    informative = torch.tensor(right[:, None].repeat(2, axis=1) * [[[0], [1]]])
    probabilities = stack(informative).softmax(dim=1).numpy()
    assert probabilities.max(axis=1).mean() == pytest.approx(0.8 + 0.2 / 3, abs=0.02)


def test_uninformative_sources_have_a_minimum_weight():
    codes = np.arange(40) % 2
    wrong = np.log(np.where(np.arange(2) == codes[:, None], 0.1, 0.9))
    stack = StackingWeights.fit(wrong[:, None], codes, TargetKind.BINARY, np.array([1.0]))
    np.testing.assert_allclose(stack.weights, [0.1])


def test_networks_have_different_splits_and_a_common_stack():
    data = make_data(n_samples=40)
    model = make_method("stacked", settings=tiny("stacked", n_members=3, max_epochs=2)).fit(data, seed=0)
    assert len(model.networks) == 3
    assert model.stack.weighting.weights.shape == (5,)
    states = [network.joint_head.output.weight for network in model.networks]
    assert not torch.equal(states[0], states[1])
    again = make_method("stacked", settings=tiny("stacked", n_members=3, max_epochs=2)).fit(data, seed=0)
    np.testing.assert_array_equal(model.predict(data), again.predict(data))


@pytest.mark.parametrize(("n_samples", "expected"), [(20_000, 3), (20_001, 1)])
def test_the_number_of_networks_follows_the_number_of_samples(n_samples, expected):
    assert make_method("stacked").n_members(n_samples) == expected


def test_decision_argmax():
    data = make_data(n_samples=40)
    model = make_method("stacked", settings=tiny("stacked", decision="argmax", max_epochs=2)).fit(data, seed=0)
    outputs = model.predict(data)
    np.testing.assert_array_equal(model.decide(outputs), outputs.argmax(axis=1))
    # the prior power, which would change predictions, is not used
    model.stack.prior_power = 1.0
    model.stack.base[1:] = -9.0
    np.testing.assert_array_equal(model.decide(outputs), outputs.argmax(axis=1))


@pytest.mark.parametrize("n_members", [1, 2])
def test_groups_of_one_class_each_are_all_trained_on(n_members):
    data = replace(DATA, groups=DATA.target.values)
    with pytest.warns(HoldOutWarning, match="class 0 only in group 0"):
        model = make_method("stacked", settings=tiny("stacked", n_members=n_members)).fit(data, seed=0)
    assert model.stack is None
    assert np.isfinite(model.predict(data)).all()


def test_prediction_is_without_noise_after_a_part_of_a_network_was_set_to_training():
    model = stacked("redcore").fit(DATA, seed=0)
    expected = model.predict(DATA)
    model.networks[1].encoders.train()
    np.testing.assert_array_equal(model.predict(DATA), expected)
    assert not any(part.training for part in model.networks[1].modules())


def test_prediction_leaves_evaluation_mode_alone(monkeypatch):
    # `eval` sets an attribute of every submodule, which takes a fifth of the prediction of a single sample
    model = stacked("redcore").fit(DATA, seed=0)
    expected = model.predict(DATA)
    monkeypatch.setattr(torch.nn.Module, "train", lambda *_: pytest.fail("the mode was set"))
    np.testing.assert_array_equal(model.predict(DATA), expected)
