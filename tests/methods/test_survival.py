"""Survival targets in all methods: hazard likelihood, linear models, stack, networks, saved models and export."""

import pickle
from itertools import combinations

import numpy as np
import pytest
import torch
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from factories import ANY_DATA_METHODS, make_data, tiny
from redcore.data import Target, TargetKind, risk_scores
from redcore.datasets import GaussianModel, GaussianSettings
from redcore.datasets.weibull import load
from redcore.exceptions import TargetError
from redcore.export import export_onnx, load_model, save_model
from redcore.linear import LinearSettings, fit_linear, hazard_losses
from redcore.methods import NetworkMethod, make_method, method_class
from redcore.metrics import evaluate_patterns, survival_scores
from redcore.nn import Objective
from redcore.runs import prediction_table
from redcore.stacking import StackingWeights


@pytest.mark.parametrize("name", ANY_DATA_METHODS)
def test_methods_predict_survival_curves_or_name_the_kind_of_target(name, tmp_path):
    data, method = make_data("survival", 30), make_method(name, settings=tiny(name))
    if not method_class(name).supports_survival:
        assert not issubclass(method_class(name), NetworkMethod)
        with pytest.raises(TargetError, match=f"method '{name}' does not support a survival target"):
            method.fit(data)
        return
    curves = method.fit(data, seed=0).predict(data)
    assert curves.shape == (30, method.schema.grid.n_bins)
    assert ((curves >= 0) & (curves <= 1)).all()
    assert (np.diff(curves, axis=1) <= 0).all()
    save_model(method, tmp_path)
    for copy in (load_model(tmp_path), pickle.loads(pickle.dumps(method))):
        np.testing.assert_array_equal(copy.predict(data), curves)
        np.testing.assert_array_equal(copy.schema.grid.censoring, method.schema.grid.censoring)


def test_losses_of_networks_and_linear_models_are_the_same_likelihood():
    rng = np.random.default_rng(0)
    target = Target.from_survival(rng.exponential(size=50), rng.random(50) < 0.6).on_grid()
    logits = rng.normal(size=(50, target.n_outputs))
    objective = Objective.fit(target)
    encoded = torch.from_numpy(objective.encode(target)).double()
    relative = torch.from_numpy(logits - objective.mean)[:, None].requires_grad_()
    losses = objective.sample_losses(relative, encoded)
    expected, slope = hazard_losses(logits, target.grid.positions(target.values))
    np.testing.assert_allclose(losses[:, 0].detach().numpy(), expected)
    np.testing.assert_allclose(torch.autograd.grad(losses.sum(), relative)[0][:, 0].numpy(), slope, atol=1e-9)
    # by hand: survival of the bins before, times the hazard of the bin of the event
    row = np.flatnonzero(target.values[:, 1])[0]
    bin_ = int(np.searchsorted(target.grid.borders, target.values[row, 0]))
    hazards = 1 / (1 + np.exp(-logits[row]))
    assert expected[row] == pytest.approx(-np.log(hazards[bin_]) - np.log(1 - hazards[:bin_]).sum())
    curve = objective.outputs(torch.from_numpy(logits - objective.mean))[row]
    np.testing.assert_allclose(curve, np.cumprod(1 - hazards))


def test_hazard_regression_agrees_with_cox():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2000, 3))
    times = rng.exponential(np.exp(-values @ [0.8, -0.5, 0.0]))
    events = rng.random(2000) < 0.8
    target = Target.from_survival(times, events).on_grid()
    coefficients, _ = fit_linear(values, target, LinearSettings(C=1e6))
    assert np.ptp(coefficients, axis=1).max() == 0
    cox = CoxPHSurvivalAnalysis().fit(values, Surv.from_arrays(events, times))
    np.testing.assert_allclose(coefficients[:, 0], cox.coef_, atol=0.05)


def test_sample_weights_equal_repeated_samples():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 2))
    target = Target.from_survival(rng.exponential(size=40), rng.random(40) < 0.7).on_grid()
    counts = rng.integers(1, 4, 40)
    rows = np.repeat(np.arange(40), counts)
    weighted = fit_linear(values, target.weighted(counts), LinearSettings(C=1.0 * counts.mean()))
    repeated = fit_linear(values[rows], target.take(rows), LinearSettings(C=1.0))
    np.testing.assert_allclose(weighted[0], repeated[0], atol=1e-3)


def test_the_stack_is_close_to_the_best_possible_concordance_on_every_pattern():
    data, settings = load(4000), {"target": "survival"}
    model = GaussianModel.make(GaussianSettings(**settings))
    train, test = data.take(np.flatnonzero(data.split < 2)), data.part("test")
    rng = np.random.default_rng(0)
    hidden = rng.random((train.n_samples, 3)) > [0.2, 0.5, 0.7]
    hidden[~hidden.any(axis=1), 0] = True
    reports = {}
    for name, own in (("stack", {}), ("bayes", settings)):
        method = make_method(name, settings=own).fit(train.hide(hidden), seed=0)
        reports[name] = evaluate_patterns(method.predict, method.schema.align(test)).per_pattern
    for size in (1, 2, 3):
        for pattern in combinations(model.names, size):
            ours, best = (reports[name]["+".join(pattern)]["uno_c"] for name in ("stack", "bayes"))
            assert ours > best - 0.02
            assert best == pytest.approx(model.best_concordance(pattern), abs=0.03)


def test_the_stack_corrects_the_baseline_hazard_of_late_bins():
    """Samples with high hazards have early events, so that the hazards of all samples at risk fall with time."""
    rng = np.random.default_rng(0)
    log_ratio = rng.choice([-1.5, 1.5], size=4000)
    target = Target.from_survival(rng.exponential(np.exp(-log_ratio)), np.ones(4000)).on_grid()
    positions, baseline = target.grid.positions(target.values), Objective.fit(target).mean
    source = np.repeat(log_ratio[:, None, None], target.n_outputs, axis=2)
    stack = StackingWeights.fit(source, positions, TargetKind.SURVIVAL, np.array([1.0]), offset=baseline)
    # the hazard rate is constant, so that the log-odds depend on the lengths of the bins only
    rates = np.log(np.diff(target.grid.borders, prepend=0.0))
    fitted, fallen = (part[1:-1] - rates[1:-1] for part in (baseline + stack.shift.numpy(), baseline))
    assert np.ptp(fallen) > 1
    assert np.ptp(fitted) < 0.5 * np.ptp(fallen)
    shifted, unshifted = (
        hazard_losses(log_ratio[:, None] * weight + odds, positions)[0].mean()
        for weight, odds in ((stack.weights.numpy(), baseline + stack.shift.numpy()), (1.0, baseline))
    )
    assert shifted < unshifted - 0.01


@pytest.mark.parametrize("name", ["redcore", "stack", "late_fusion"])
def test_onnx_graphs_have_curves_and_risks(name, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    data = make_data("survival", 40)
    method = make_method(name, settings=tiny(name)).fit(data, seed=0)
    assert export_onnx(method, tmp_path / "model.onnx") < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["survival", "risk"]


def test_training_data_without_events_is_an_error():
    data = make_data("survival", 20)
    censored = Target.from_survival(data.target.values[:, 0], np.zeros(20))
    with pytest.raises(TargetError, match="no events in training"):
        make_method("late_fusion").fit(type(data)(data.modalities, censored, None, data.sample_ids, None))


@pytest.mark.parametrize("name", ["stack", "late_fusion", "cox_mean_fill", "survival_forest", "redcore"])
@pytest.mark.parametrize("case", ["one event", "one time", "last event", "huge"])
def test_extreme_times_and_events_have_finite_scores(name, case):
    data = make_data("survival", 40)
    times, events = (column.copy() for column in data.target.values.T)
    if case != "huge":
        events[:] = case == "one time"
    if case == "one time":
        times[:], events[::3] = 7.0, 0
    elif case == "huge":
        times *= 1e200
    else:
        events[np.argmax(times) if case == "last event" else 3] = 1
    changed = type(data)(data.modalities, Target.from_survival(times, events), None, data.sample_ids, None)
    method = make_method(name, settings=tiny(name)).fit(changed, seed=0)
    scores = survival_scores(method.schema.align(changed).target, method.predict(changed))
    # weights of censoring are at most 10
    assert 0 <= scores.pop("ibs") < 10
    assert all(0 <= value <= 1 for value in scores.values() if value is not None)


def test_columns_of_a_curve_have_different_names_for_close_times():
    data = make_data("survival", 40)
    times = 1.7e18 + 1e6 * data.target.values[:, 0]  # nanoseconds
    close = Target.from_survival(times, data.target.values[:, 1])
    method = make_method("prior").fit(type(data)(data.modalities, close, None, data.sample_ids, None))
    names = prediction_table(method, data, method.predict(data)).column_names
    assert sum(name.startswith("survival_") for name in names) == method.schema.grid.n_bins > 1


def test_a_higher_risk_means_an_earlier_event():
    data = load(400)
    method = make_method("late_fusion").fit(data)
    times, events = data.target.values.T
    early = events * (times < np.median(times)) == 1
    risk = risk_scores(method.predict(data))
    assert risk[early].mean() > risk[times > np.median(times)].mean()
