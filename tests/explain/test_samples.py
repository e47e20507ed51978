"""Explanations of single predictions: Shapley values, counterfactuals, expected changes."""

from itertools import permutations

import numpy as np
import pytest

from factories import TARGETS, make_data
from redcore.data import Modality, MultimodalData, Target
from redcore.datasets import GaussianModel, GaussianSettings, gaussian
from redcore.exceptions import SettingsError, UnknownNameError
from redcore.explain import explain_samples, sample_words, shapley
from redcore.explain._shapley import exact_values
from redcore.methods import make_method


def test_exact_values_equal_the_mean_over_all_orders():
    table = np.random.default_rng(0).normal(size=(16, 3))
    expected = np.zeros((4, 3))
    for order in permutations(range(4)):
        team = 0
        for player in order:
            expected[player] += (table[team | 1 << player] - table[team]) / 24
            team |= 1 << player
    assert exact_values(table) == pytest.approx(expected)


@pytest.mark.parametrize("kind", TARGETS)
def test_values_equal_those_of_the_game_of_predictions(kind):
    data = make_data(kind, 60)
    method = make_method("late_fusion").fit(data)
    chosen = {"binary": "yes", "multiclass": 2, "multilabel": 1, "regression": 0, "several numbers": 1}[kind]
    column = 1 if kind == "binary" else chosen
    for row in (0, 7, 23):
        sample = data.take([row])
        (explanation,) = explain_samples(method, sample, output=chosen)
        observed = [name for name, there in zip(data.names, sample.availability[0], strict=True) if there]

        def game(names, sample=sample):
            keep = np.isin(data.names, list(names))[None]
            return (method.predict(sample.hide(keep)) if names else method.prior[None])[0, column]

        assert explanation.values == pytest.approx(shapley(game, observed).values, abs=1e-9)
        assert sum(explanation.values.values()) == pytest.approx(explanation.prediction - explanation.prior, abs=1e-9)
        assert {one.observed: one.value for one in explanation.patterns} == pytest.approx(
            {one.observed: game(frozenset(one.observed)) for one in explanation.patterns}
        )
        assert len(explanation.patterns) == 2 ** len(observed)


def test_the_predicted_class_is_explained_by_default():
    data = make_data("binary", 60)
    method = make_method("late_fusion").fit(data)
    method.set_threshold(0.1)
    outputs = method.predict(data)
    labels = np.array(["no", "yes"])[method.decide(outputs)]
    for row, explanation in enumerate(explain_samples(method, data)):
        assert explanation.predicted == labels[row]
        assert explanation.output == f"probability of '{labels[row]}'"
        assert explanation.prediction == pytest.approx(outputs[row, method.decide(outputs)[row]])
        assert explanation.sample_id == row


def test_a_sample_without_any_modality_has_the_prior():
    data = make_data("multiclass", 60)
    method = make_method("late_fusion").fit(data)
    (explanation,) = explain_samples(method, data.take([0]).hide(np.zeros((1, 3), dtype=bool)), data)
    assert explanation.values == {}
    assert explanation.prediction == explanation.prior
    assert set(explanation.changes) == set(data.names)


def test_sampled_values_of_thirteen_modalities_are_within_their_errors():
    world = {"n_modalities": 13, "n_features": 3, "n_classes": 2, "informativeness": (0.1, 0.2)}
    data = gaussian.load(400, **world)
    method = make_method("bayes", settings=world).fit(data)
    (sampled,) = explain_samples(method, data.take([3]), output=1)
    codes = np.arange(2**13)[:, None] >> np.arange(13) & 1 == 1
    copies = data.take(np.full(2**13 - 1, 3)).hide(codes[1:])
    table = np.concatenate([method.prior[None], method.predict(copies)])[:, 1]
    exact = dict(zip(data.names, exact_values(table), strict=True))
    assert sampled.errors is not None
    for name, value in exact.items():
        assert abs(sampled.values[name] - value) < 4 * sampled.errors[name] + 1e-9
    assert sum(sampled.values.values()) == pytest.approx(sampled.prediction - sampled.prior)
    assert len(sampled.patterns) == 2 + 2 * 13
    assert sampled.under(*data.names[1:]).value == pytest.approx(table[-2])
    with pytest.raises(UnknownNameError, match="missing pattern"):
        sampled.under(*data.names[2:])


WORLD = {"n_features": 8, "informativeness": (0.3, 0.4, 0.5), "n_classes": 3}


@pytest.fixture(scope="module")
def world():
    """Return the model of the world, its Bayes-optimal method, reference samples and complete test samples."""
    data = gaussian.load(2400, **WORLD)
    method = make_method("bayes", settings=WORLD).fit(data.part("train"))
    return GaussianModel.make(GaussianSettings.parse(WORLD)), method, data.part("validation"), data.part("test")


def true_changes(model, method, data, column, n_draws, rng):
    """Return changes of the prediction of output `column` by draws of m02 from its distribution given m00 and m01."""
    n_samples = data.n_samples
    posterior, means = model._posterior(data)
    precision = np.eye(model.settings.n_shared)
    for name in ("m00", "m01"):
        precision += model.shared[name].T @ model._inverse_covariance(name, 1.0) @ model.shared[name]
    spread, changes, before = np.linalg.cholesky(np.linalg.inv(precision)), [], method.predict(data)
    for _ in range(n_draws):
        codes = (rng.random((n_samples, 1)) > posterior.cumsum(axis=1)).sum(axis=1).clip(max=2)
        shared = model.shared_means[codes] + means[np.arange(n_samples), codes]
        shared += rng.normal(size=shared.shape) @ spread.T
        private = model.private_means["m02"][codes] + rng.normal(size=(n_samples, model.settings.n_private))
        values = shared @ model.shared["m02"].T + private @ model.private["m02"].T
        values += rng.normal(size=values.shape)
        drawn = Modality(values.astype(np.float32), np.arange(n_samples))
        complete = MultimodalData({**data.modalities, "m02": drawn}, None, None, data.sample_ids, None)
        changes.append((method.predict(complete) - before)[np.arange(n_samples), column])
    return np.array(changes)


def test_expected_changes_agree_with_the_true_distribution(world):
    model, method, reference, test = world
    test = test.take(np.arange(200))
    hidden = test.hide(np.tile([True, True, False], (200, 1)))
    explanations = explain_samples(method, hidden, reference)
    changes = [explanation.changes["m02"] for explanation in explanations]
    column = np.array([explanation.predicted for explanation in explanations])
    draws = true_changes(model, method, hidden, column, 100, np.random.default_rng(0))
    size, expected = np.array([change.size for change in changes]), np.abs(draws).mean(axis=0)
    assert size.mean() == pytest.approx(expected.mean(), rel=0.2)
    assert np.corrcoef(size, expected)[0, 1] > 0.9
    assert np.sqrt(np.square(size - expected).mean()) < 0.4 * expected.mean()
    assert np.mean([change.mean for change in changes]) == pytest.approx(0, abs=0.02)
    # the real third modality of the samples
    real = (method.predict(test) - method.predict(hidden))[np.arange(200), column]
    inside = [change.low <= value <= change.high for change, value in zip(changes, real, strict=True)]
    assert 0.85 <= np.mean(inside) <= 0.95
    flips = np.mean([change.decision_changes for change in changes])
    assert flips == pytest.approx((method.decide(method.predict(test)) != column).mean(), abs=0.06)


def test_expected_changes_need_few_reference_samples(world):
    _, method, reference, test = world
    hidden = test.take(np.arange(100)).hide(np.tile([True, True, False], (100, 1)))
    few = explain_samples(method, hidden, reference.take(np.arange(120)))
    many = explain_samples(method, hidden, reference)
    sizes = [[one.changes["m02"].size for one in explanations] for explanations in (few, many)]
    assert np.corrcoef(sizes)[0, 1] > 0.6
    assert few[0].changes["m02"].n_similar == 15
    (none,) = explain_samples(method, hidden.take([0]), reference.take(np.arange(79)))
    assert "79 reference samples observe m02" in none.changes["m02"]


def test_a_sample_is_no_reference_of_itself(world):
    _, method, reference, _ = world
    few = reference.take(np.arange(80))
    (explanation,) = explain_samples(method, few.take([3]).hide([[False, False, False]]), few)
    assert explanation.changes["m02"].n_similar == 79


@pytest.mark.parametrize("kind", TARGETS)
def test_expected_changes_of_all_targets(kind):
    data = make_data(kind, 400)
    method = make_method("late_fusion").fit(data)
    for explanation in explain_samples(method, data.take(np.arange(12)), data):
        assert len(explanation.values) + len(explanation.changes) == 3
        for change in explanation.changes.values():
            assert change.low <= change.mean <= change.high
            assert 0 <= change.size <= max(-change.low, change.high) + 1e-9
            assert (change.decision_changes is None) == (kind in ("regression", "several numbers"))
            if change.decision_changes is not None:
                assert -explanation.prediction <= change.low <= change.high <= 1 - explanation.prediction


def test_unknown_outputs_are_named():
    classes, numbers = make_data("binary", 60), make_data("several numbers", 60)
    with pytest.raises(UnknownNameError, match="unknown class 'yess'; did you mean 'yes'"):
        explain_samples(make_method("late_fusion").fit(classes), classes, output="yess")
    with pytest.raises(SettingsError, match="expected a position from 0 to 1, got 2"):
        explain_samples(make_method("late_fusion").fit(numbers), numbers, output=2)


def test_words_name_the_decisive_modality():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    arrays = {"blood": 3.0 * labels[:, None] + rng.normal(size=(200, 2)), "ecg": rng.normal(size=(200, 2))}
    data = MultimodalData.from_arrays(arrays, Target.from_labels(np.array(["ill", "well"])[labels]))
    method = make_method("late_fusion").fit(data)
    only_blood = data.take([1, 2]).hide([[True, False]] * 2)
    for explanation in explain_samples(method, only_blood, data):
        words = sample_words(explanation)
        assert f"{explanation.values['blood']:+.3f}" in words.meaning
        assert "Measuring ecg is expected to change" in words.action
        assert "No missing modality is likely to change the predicted class" in words.action
    decided = [
        explanation for explanation in explain_samples(method, only_blood) if explanation.under().predicted == "ill"
    ]
    for explanation in decided:
        depends = "depends on blood (without it: ill)" in sample_words(explanation).action
        assert depends == (explanation.predicted == "well")
