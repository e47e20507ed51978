"""Methods with several targets: each has its own predictions, and missing values of one do not affect the others."""

import pickle

import numpy as np
import pytest
import torch

from factories import tiny
from redcore.data import MultimodalData, Target, several_targets
from redcore.exceptions import DataWarning, SettingsError, TargetError, UnknownNameError, UnsupportedError
from redcore.export import load_model, save_model
from redcore.methods import make_method
from redcore.metrics import scores
from redcore.nn import MixedObjective, fit_objective

RNG = np.random.default_rng(0)
FACTORS = RNG.normal(size=(90, 2))
STAGE = np.where(FACTORS[:, 0] > 0, "late", "early")
AGE = 60 + 10 * FACTORS[:, 1]
KNOWN = RNG.random(90) > 0.3
MODALITIES = {name: FACTORS @ RNG.normal(size=(2, 4)) + 0.2 * RNG.normal(size=(90, 4)) for name in ("blood", "scan")}
AVAILABILITY = RNG.random((90, 2)) > 0.2
AVAILABILITY[~AVAILABILITY.any(axis=1), 0] = True
DEATH = np.array(
    list(zip(RNG.random(90) > 0.3, np.exp(-FACTORS[:, 0] + 0.2 * RNG.normal(size=90)), strict=True)),
    dtype=[("event", "?"), ("time", "f8")],
)


def data_of(target):
    return MultimodalData.from_arrays(MODALITIES, target, availability=AVAILABILITY)


def masked(values, known):
    """Return values with None where they are unknown."""
    result = values.astype(object)
    result[~known] = None
    return result


def columns(**others):
    return {"stage": STAGE, "age": np.where(KNOWN, AGE, np.nan), **others}


@pytest.fixture(scope="module", params=["redcore", "zero_fill", "stack", "stacked"])
def fitted(request):
    data = data_of(several_targets(columns(death=DEATH, tags=np.stack([FACTORS[:, 0] > 0.5, AGE > 60], axis=1))))
    return make_method(request.param, settings=tiny(request.param)).fit(data), data


def test_every_target_has_its_predictions(fitted):
    method, data = fitted
    outputs = method.schema.by_part(method.predict(data))
    assert list(outputs) == ["stage", "age", "death", "tags"]
    np.testing.assert_allclose(outputs["stage"].sum(axis=1), 1)
    assert (np.diff(outputs["death"], axis=1) <= 1e-12).all()
    assert outputs["age"].std() > 0
    stage = method.of_part("stage")
    np.testing.assert_array_equal(stage.predict(data), outputs["stage"])
    assert np.isin(stage.decide(outputs["stage"]), (0, 1)).all()
    values = scores(method.schema.align(data).target, method.predict(data))
    assert {"stage.macro_f1", "age.r2", "death.uno_c", "tags.exact_match"} <= values.keys()


def test_a_sample_without_modality_gets_the_prior_of_each_target(fitted):
    method, data = fitted
    empty = data.take(np.arange(1)).hide(np.zeros((1, 2), dtype=bool))
    with pytest.warns(match="the prior is predicted"):
        outputs = method.schema.by_part(method.predict(empty))
    np.testing.assert_allclose(outputs["age"], AGE[KNOWN].mean())
    np.testing.assert_allclose(outputs["stage"][0], [np.mean(STAGE == "early"), np.mean(STAGE == "late")])


def test_saved_and_pickled_methods_predict_the_same(fitted, tmp_path):
    method, data = fitted
    stage = method.of_part("stage")
    stage.temperature = 2.0
    stage.set_threshold(0.25)
    try:
        expected = method.predict(data)
        save_model(method, tmp_path)
        for other in (pickle.loads(pickle.dumps(method)), load_model(tmp_path)):
            np.testing.assert_array_equal(other.predict(data), expected)
            assert (other.of_part("stage").temperature, other.of_part("stage").threshold) == (2.0, 0.25)
    finally:
        stage.temperature = 1.0
        stage.set_threshold(None)
    assert not np.allclose(method.schema.by_part(expected)["stage"], stage.predict(data))
    np.testing.assert_allclose(method.schema.by_part(expected)["age"], method.of_part("age").predict(data))


def test_errors_of_single_targets(fitted):
    method, data = fitted
    with pytest.raises(UnsupportedError, match="a decision expects a single target"):
        method.decide(method.predict(data))
    with pytest.raises(UnknownNameError, match="unknown target 'siz'"):
        method.of_part("siz")
    with pytest.raises(SettingsError, match="expected a target with two classes"):
        method.of_part("age").set_threshold(0.5)
    with pytest.raises(UnsupportedError, match="fit a new method"):
        method.of_part("age").fit(data.of_part("age"))


@pytest.mark.parametrize("method", ["zero_fill", "stack", "stacked"])
@pytest.mark.parametrize("single", [Target.from_labels(STAGE), Target.from_numbers(AGE)], ids=["classes", "numbers"])
def test_one_part_equals_the_single_target(method, single):
    outputs = [
        make_method(method, settings=tiny(method)).fit(data_of(target)).predict(data_of(None))
        for target in (single, Target.from_parts({"only": single}))
    ]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["stack", "zero_fill"])
def test_values_of_unlabelled_samples_do_not_matter(method):
    """The number of a sample without a label of another target is used, and its class is not."""
    unknown = np.arange(90) % 2 == 0
    stage = masked(STAGE, ~unknown)
    fits = [
        make_method(method, settings=tiny(method)).fit(data_of(several_targets({"stage": stage, "age": age})))
        for age in (AGE, np.where(unknown, 10 * AGE, AGE))
    ]
    age, other_age = (fit.of_part("age").predict(data_of(None)) for fit in fits)
    assert not np.allclose(age, other_age)
    if method == "stack":  # the networks share their encoders
        np.testing.assert_array_equal(*(fit.of_part("stage").predict(data_of(None)) for fit in fits))


def test_samples_without_any_label_are_left_out_with_a_warning():
    known = np.arange(90) < 60
    target = several_targets({"stage": masked(STAGE, known), "age": np.where(known, AGE, np.nan)})
    data = data_of(target)
    with pytest.warns(DataWarning, match="30 of 90 samples have no value of any target"):
        outputs = make_method("stack").fit(data).predict(data)
    np.testing.assert_array_equal(outputs, make_method("stack").fit(data.take(np.arange(60))).predict(data))


def test_a_class_with_one_labelled_sample_in_training_is_predicted():
    rare = np.full(90, None, dtype=object)
    rare[:6] = ["a", "b", "a", "a", "a", "c"]
    data = data_of(several_targets({"age": AGE, "rare": rare}))
    for name in ("stack", "stacked"):
        outputs = make_method(name, settings=tiny(name)).fit(data).of_part("rare").predict(data)
        assert np.isfinite(outputs).all()
        assert outputs.shape == (90, 3)


def test_errors_of_the_fit_name_the_target():
    one_class = np.full(90, None, dtype=object)
    one_class[:9] = "a"
    with pytest.raises(TargetError, match="target 'rare': only one class in training: 'a'"):
        make_method("stack").fit(data_of(several_targets({"age": AGE, "rare": one_class})))
    target = several_targets(columns(rare=masked(np.full(90, "a"), np.arange(90) == 89)))
    with pytest.raises(TargetError, match="target 'rare': no training sample has a value"):
        make_method("stack").fit(data_of(target).take(np.arange(80)))
    with pytest.raises(TargetError, match=r"'late_fusion' does not support several targets \(stage, age\)"):
        make_method("late_fusion").fit(data_of(several_targets(columns())))
    with pytest.raises(UnsupportedError, match="selection='score' expects a single target"):
        make_method("zero_fill", settings={"selection": "score"}).fit(data_of(several_targets(columns())))
    with pytest.raises(UnknownNameError, match=r"unknown target .of target_weights. 'agee'"):
        make_method("zero_fill", settings={"target_weights": {"agee": 2.0}}).fit(data_of(several_targets(columns())))
    with pytest.raises(UnknownNameError, match="target_weights"):
        make_method("zero_fill", settings={"target_weights": {"age": 2.0}}).fit(data_of(Target.from_numbers(AGE)))


def test_losses_have_the_scale_of_a_constant_prediction_and_the_weights():
    target = several_targets(columns())
    objective = fit_objective(target).weighted(target, {"age": 3.0})
    assert isinstance(objective, MixedObjective)
    values = torch.from_numpy(objective.values(target))
    logits = torch.zeros((90, 1, 3))
    stage = objective.parts[0]
    by_part = objective.sample_losses(logits, values)[:, 0]
    assert by_part[~KNOWN].numpy() == pytest.approx(stage.weight * np.log(2))
    shares = {part.name: part.weight * target.labelled(part.name).mean() for part in objective.parts}
    frequencies = np.array([np.mean(STAGE == "early"), np.mean(STAGE == "late")])
    entropy = -(frequencies * np.log(frequencies)).sum()
    assert shares["age"] / (shares["stage"] * entropy) == pytest.approx(3.0, rel=1e-4)


def test_a_missing_value_has_no_gradient():
    target = several_targets(columns())
    objective = fit_objective(target).weighted(target, {})
    logits = torch.randn((90, 3), requires_grad=True)
    objective.loss(logits, torch.from_numpy(objective.encode(target))).backward()
    gradient = logits.grad.numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[~KNOWN, 2] == 0).all()
    assert (gradient[KNOWN, 2] != 0).all()
    assert (gradient[:, 0] != 0).all()
