"""Supervision-weight rules compared with the formulas of docs/method.md."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from redcore._discovery import names
from redcore.balancing import BalancingSettings, StepSignals, build_rule
from redcore.data import Target
from redcore.exceptions import SettingsError, UnknownNameError
from redcore.nn import Objective
from redcore.testing import RULES, RuleSubject
from redcore.testing._rules import ConstantSignals, rule_weights

SPEC = {
    "smoothing": 0.7,
    "weight_interval": 3,
    "weight_step": 0.1,
    "weight_step_growth": 1.5,
    "weight_step_growth_interval": 500,
    "weight_step_max": None,
    "weight_floor": 0.1,
}


def rule(name="relative_advantage", n_modalities=3, **changes):
    return build_rule(n_modalities, BalancingSettings(**{**SPEC, "balancing": name, **changes}))


def feed(balancer, losses, step, observed=None, ends_epoch=False):
    return rule_weights(balancer, losses, step, observed, ends_epoch)


def test_relative_advantage_by_hand():
    balancer = rule()
    weights = feed(balancer, [4.0, 2.0, 3.0], 0)
    running = 0.7 * np.array([4.0, 2.0, 3.0])
    advantage = (running.mean() - running) / running.mean()
    beta = np.maximum(np.ones(3) - 0.15 * advantage, 0.1)
    np.testing.assert_allclose(balancer.relative_advantage, advantage, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(weights, beta / np.linalg.norm(beta), rtol=1e-6)
    assert weights[0] > weights[2] > weights[1]
    # running losses are updated at every step, weights at every third
    np.testing.assert_allclose(feed(balancer, [1.0, 1.0, 1.0], 1), weights)
    np.testing.assert_allclose(balancer.running_loss, 0.3 * running + 0.7, rtol=1e-6)
    feed(balancer, [1.0, 1.0, 1.0], 2)
    moved = feed(balancer, [1.0, 5.0, 1.0], 3)
    running = 0.3 * (0.3 * (0.3 * running + 0.7) + 0.7) + 0.7 * np.array([1.0, 5.0, 1.0])
    beta = weights - 0.15 * (running.mean() - running) / running.mean()
    np.testing.assert_allclose(moved, beta / np.linalg.norm(beta), rtol=1e-5)


def test_unobserved_modalities_keep_their_running_loss():
    balancer = rule()
    feed(balancer, [4.0, 2.0, 3.0], 0)
    feed(balancer, [8.0, float("nan"), 3.0], 1, observed=[True, False, True])
    np.testing.assert_allclose(balancer.running_loss[1], 1.4)
    assert torch.isfinite(balancer.relative_advantage).all()


def test_never_observed_modalities_have_no_relative_advantage():
    balancer = rule()
    feed(balancer, [4.0, 0.0, 2.0], 0, observed=[True, False, True])
    np.testing.assert_allclose(balancer.relative_advantage, [-1 / 3, 0, 1 / 3], rtol=1e-6)


def test_floor_and_norm():
    balancer = rule(weight_step=5.0, weight_step_growth=1.0)
    for step in range(0, 30, 3):
        weights = feed(balancer, [10.0, 0.1, 0.1], step)
        assert np.linalg.norm(weights) == pytest.approx(1)
    assert weights[0] > 0.99
    # the floor is applied before the division by the norm
    assert 0 < weights[1] <= 0.1


@pytest.mark.parametrize(("limit", "expected"), [(None, 0.1 * 1.5**4), (0.3, 0.3)])
def test_the_step_size_grows_at_step_0_and_every_interval(limit, expected):
    balancer = rule(weight_step_max=limit)
    assert balancer.weight_step(0) == balancer.weight_step(499) == pytest.approx(0.15)
    assert balancer.weight_step(500) == pytest.approx(0.225)
    assert balancer.weight_step(1500) == pytest.approx(expected)


@pytest.mark.parametrize("step", [3 * 10**5, 3 * 10**9])
def test_unbounded_step_sizes_give_finite_weights(step):
    weights = feed(rule(), [4.0, 2.0, 3.0], step)
    assert np.isfinite(weights).all()
    assert np.linalg.norm(weights) == pytest.approx(1)


@pytest.mark.parametrize("name", names("redcore.balancing"))
@pytest.mark.parametrize("clause", RULES.clauses)
def test_contract(name, clause):
    RULES.check_clause(clause, RuleSubject(name))


@pytest.mark.parametrize("name", names("redcore.balancing"))
def test_norm(name):
    # PASSION preserves the norm of the initial weights
    norm = np.linalg.norm(feed(rule(name, 2), [3.0, 1.0], 0))
    assert norm == pytest.approx(2**0.5 if name == "passion" else 1)


def test_fixed_weights_are_constant():
    balancer = rule("fixed", 4)
    np.testing.assert_allclose(feed(balancer, [9.0, 1.0, 2.0, 5.0], 0, [True, True, True, False]), [0.5] * 4)
    # the mean running loss of the observed modalities is 0.7 * 4
    np.testing.assert_allclose(balancer.relative_advantage, [-1.25, 0.75, 0.5, 0], rtol=1e-6)


def test_inverse_rate_by_hand():
    balancer = rule("inverse_rate")
    feed(balancer, [9.0, 1.0, 1.0], 0, observed=[0.8, 0.4, 0.0])
    weights = feed(balancer, [1.0, 9.0, 1.0], 1, observed=[0.8, 0.6, 0.4])
    expected = 1 / np.array([0.8, 0.5, 0.2])
    np.testing.assert_allclose(weights, expected / np.linalg.norm(expected), rtol=1e-6)


def test_uncertainty_converges_to_weights_inverse_to_the_losses():
    balancer = rule("uncertainty")
    for step in range(500):
        weights = feed(balancer, [4.0, 2.0, 1.0], step)
    np.testing.assert_allclose(weights / weights[0], [1, 2, 4], rtol=1e-3)
    before = balancer.log_variance[1].item()
    feed(balancer, [1.0, float("nan"), 1.0], 500, observed=[1.0, 0.0, 1.0])
    assert balancer.log_variance[1].item() == before


def test_passion_by_hand():
    balancer = rule("passion")
    np.testing.assert_array_equal(feed(balancer, [4.0, 2.0, 3.0], 0), [1, 1, 1])
    weights = feed(balancer, [2.0, float("nan"), 3.0], 1, observed=[1.0, 0.0, 1.0], ends_epoch=True)
    means = np.array([3.0, 2.0, 3.0])
    advantage = (means.mean() - means) / means.mean()
    np.testing.assert_allclose(balancer.relative_advantage, advantage, rtol=1e-5)
    beta = 1 - 0.1 * advantage
    np.testing.assert_allclose(weights, beta / np.linalg.norm(beta) * 3**0.5, rtol=1e-6)
    np.testing.assert_array_equal(feed(balancer, [9.0, 1.0, 1.0], 2), weights)


def test_gradnorm_by_hand():
    balancer = rule("gradnorm", 2)
    feed(balancer, [4.0, 2.0], 0)
    # one loss has halved, the other is unchanged
    feed(balancer, [2.0, 2.0], 1)
    running = np.array([0.3 * 4 + 0.7 * 2, 2.0])
    norms, before = np.array([1.0, 3.0]), balancer.supervision_weight.numpy().copy()
    balancer.balance(torch.tensor(norms, dtype=torch.float32))
    ratio = running / np.array([4.0, 2.0])
    target = (before * norms).mean() * (ratio / ratio.mean()) ** 1.5
    slope = np.sign(before * norms - target) * norms / norms.max()
    beta = np.maximum(before - 0.1 * slope, 0.1)
    np.testing.assert_allclose(balancer.supervision_weight, beta / np.linalg.norm(beta), rtol=1e-5)


def test_gradnorm_balances_gradient_norms():
    balancer, size = rule("gradnorm", 2, weight_step=0.02), torch.tensor([1.0, 4.0])
    for step in range(200):
        feed(balancer, [1.0, 1.0], step)
        balancer.balance(size)
    weighted = (balancer.supervision_weight * size).numpy()
    np.testing.assert_allclose(weighted[0], weighted[1], rtol=0.2)


def test_gradnorm_needs_two_modalities_with_gradients():
    balancer = rule("gradnorm", 2)
    feed(balancer, [1.0, 0.0], 0, observed=[True, False])
    before = balancer.supervision_weight.clone()
    balancer.balance(torch.tensor([1.0, 0.0]))
    assert torch.equal(balancer.supervision_weight, before)


def test_ogm_ge_by_hand():
    balancer = rule("ogm_ge", 3)
    scale = balancer.gradient_scales(torch.tensor([0.9, 0.3, 0.3]), torch.ones(3))
    np.testing.assert_allclose(scale, [1 - np.tanh(0.3 * 3), 1, 1], rtol=1e-5)
    # a modality that is not observed in the batch keeps its score
    scale = balancer.gradient_scales(torch.tensor([0.9, float("nan"), 0.3]), torch.tensor([1.0, 0.0, 1.0]))
    np.testing.assert_allclose(scale, [1 - np.tanh(0.3 * 3), 1, 1], rtol=1e-5)


def test_ogm_ge_compares_observed_modalities_only():
    balancer = rule("ogm_ge", 2)
    np.testing.assert_allclose(balancer.gradient_scales(torch.tensor([0.9, 0.0]), torch.tensor([1.0, 0.0])), [1, 1])


def test_arl_by_hand():
    balancer = rule("arl", 2)
    magnitudes, entropies = torch.tensor([3.0, 1.0]), torch.tensor([0.2, 0.6])
    # shares of entropies 0.25 and 0.75, the first is bounded by 0.3
    certainty = np.array([1 / 0.3, 1 / 0.75])
    certainty /= certainty.sum()
    weights = np.exp(8 * np.array([0.25, 0.75]) * certainty)
    weights /= weights.sum()
    scale = balancer.gradient_scales(magnitudes, entropies, torch.ones(2))
    np.testing.assert_allclose(scale, (1 + weights) / 1.5, rtol=1e-5)
    equal = balancer.gradient_scales(torch.ones(2), torch.ones(2), torch.ones(2))
    np.testing.assert_allclose(equal, [1, 1])


def test_arl_leaves_out_unobserved_modalities():
    balancer = rule("arl", 3)
    magnitudes, entropies = torch.tensor([3.0, 1.0, float("nan")]), torch.tensor([0.2, 0.6, float("nan")])
    scale = balancer.gradient_scales(magnitudes, entropies, torch.tensor([1.0, 1.0, 0.0]))
    expected = rule("arl", 2).gradient_scales(magnitudes[:2], entropies[:2], torch.ones(2))
    np.testing.assert_allclose(scale, [*expected, 1])


def test_arl_starts_after_five_epochs(monkeypatch):
    balancer, scales = rule("arl", 2), []
    monkeypatch.setattr(balancer, "scale_gradients", lambda values, encoders: scales.append(values))
    monkeypatch.setattr(ConstantSignals, "unimodal_magnitudes", lambda self: torch.tensor([3.0, 1.0]))
    for step in range(12):
        feed(balancer, [1.0, 1.0], step, ends_epoch=step % 2 == 1)
    assert scales[:10] == [[1.0, 1.0]] * 10
    assert scales[10][0] < 1 < scales[10][1]


def test_balm_by_hand():
    balancer = rule("balm", 3)
    scale = balancer.gradient_scales(torch.tensor([3.0, 2.0, 1.0]), torch.ones(3))
    np.testing.assert_allclose(scale, 1.3 * (1 - np.array([3, 2, 1]) / 6), rtol=1e-6)
    # decreases 1, 1.5 and 0; the third modality is not observed and keeps its divergence
    scale = balancer.gradient_scales(torch.tensor([2.0, 0.5, float("nan")]), torch.tensor([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(scale, [1.3 * 1.5 / 2.5, 1.3 * 1 / 2.5, 1], rtol=1e-6)
    np.testing.assert_allclose(balancer.divergence, [2, 0.5, 1])
    # an increase of one divergence gives coefficients outside of [0, 1]
    scale = balancer.gradient_scales(torch.tensor([1.0, 0.8, 1.0]), torch.ones(3))
    np.testing.assert_allclose(scale, [0, 1.3, 1.3], rtol=1e-6)


def signals_of(target, unimodal, joint, availability):
    """Return the signals of a step for given logits of unimodal heads (n, M, n_outputs) and of the joint head."""
    objective = Objective.fit(target)
    batch = SimpleNamespace(target=torch.as_tensor(objective.encode(target)), availability=torch.tensor(availability))
    output = SimpleNamespace(unimodal_logits=torch.tensor(unimodal), logits=torch.tensor(joint))
    losses = torch.zeros(len(availability[0]))
    return StepSignals(losses, losses, 0, output=output, batch=batch, objective=objective)


def test_signals_of_predictions_are_means_over_the_observing_samples():
    unimodal = [[[2.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [50.0, 0.0]]]
    signals = signals_of(Target.from_labels([0, 1]), unimodal, [[1.0, 0.0], [0.0, 0.0]], [[1, 1], [1, 0]])
    np.testing.assert_allclose(signals.unimodal_magnitudes(), [1.5, 0])

    def softmax(logits):
        return np.exp(logits) / np.exp(logits).sum()

    probabilities = [softmax([2.0, 0.0]), softmax([0.0, 1.0])]
    entropies = [-(p * np.log(p)).sum() for p in probabilities]
    np.testing.assert_allclose(signals.unimodal_entropies(), [np.mean(entropies), np.log(2)], rtol=1e-6)
    joint = [softmax([1.0, 0.0]), softmax([0.0, 0.0])]
    divergences = [(q * np.log(q / p)).sum() for q, p in zip(joint, probabilities, strict=True)]
    second = (joint[0] * np.log(joint[0] / 0.5)).sum()
    np.testing.assert_allclose(signals.unimodal_divergences(), [np.mean(divergences), second], rtol=1e-5)


def test_signals_of_labels_and_continuous_targets():
    unimodal, joint = [[[0.5]], [[-1.0]]], [[0.0], [2.0]]
    observed = [[1], [1]]
    signals = signals_of(Target.from_multilabel([[1], [0]]), unimodal, joint, observed)
    p, q = (1 / (1 + np.exp(-np.array(values))) for values in ([0.5, -1.0], [0.0, 2.0]))
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
    divergence = (q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))).mean()
    np.testing.assert_allclose(signals.unimodal_entropies(), [entropy], rtol=1e-5)
    np.testing.assert_allclose(signals.unimodal_divergences(), [divergence], rtol=1e-5)
    signals = signals_of(Target.from_numbers([1.0, 3.0]), unimodal, joint, observed)
    # the standardised target is -1 and 1
    np.testing.assert_allclose(signals.unimodal_entropies(), [(1.5**2 + 2**2) / 2], rtol=1e-5)
    np.testing.assert_allclose(signals.unimodal_divergences(), [divergence], rtol=1e-5)


def test_equal_sums_by_hand():
    weights = feed(rule(weight_norm="sum"), [4.0, 2.0, 3.0], 0)
    running = np.array([4.0, 2.0, 3.0])
    # the initial weights are 1 / sqrt(3), those of the rule "fixed"
    beta = 3**-0.5 - 0.15 * (running.mean() - running) / running.mean()
    np.testing.assert_allclose(weights, beta / beta.sum() * 3**0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"text": 3.0}, [1, 3, 1]), ({"audio": 0, "video": 2}, [0, 1, 2]), ((1, 2, 3), [1, 2, 3])],
)
def test_given_fixed_weights(given, expected):
    names = ["audio", "text", "video"]
    for norm in ("l2", "sum"):
        settings = BalancingSettings(balancing="fixed", fixed_weights=given, weight_norm=norm)
        weights = feed(build_rule(3, settings, names), [9.0, 1.0, 1.0], 0)
        total = np.linalg.norm(expected) if norm == "l2" else sum(expected) / 3**0.5
        np.testing.assert_allclose(weights, np.array(expected) / total, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"), [("audio=3, text=0.5", {"audio": 3.0, "text": 0.5}), ("[3, 1,1]", (3.0, 1.0, 1.0))]
)
def test_fixed_weights_from_text(text, expected):
    assert BalancingSettings.parse({"balancing": "fixed", "fixed_weights": text}).fixed_weights == expected


def test_invalid_fixed_weights_are_rejected():
    def build(given):
        settings = BalancingSettings.parse({"balancing": "fixed", "fixed_weights": given})
        return build_rule(2, settings, ["audio", "text"])

    with pytest.raises(UnknownNameError, match=r"sound.*audio"):
        build({"sound": 2.0})
    with pytest.raises(SettingsError, match="3 weights, expected 2: audio, text"):
        build([1, 2, 3])
    with pytest.raises(SettingsError, match="at least one weight above 0"):
        build([0, 0])
    with pytest.raises(SettingsError, match="fixed_weights"):
        build({"audio": -1.0})
    with pytest.raises(SettingsError, match="'fixed_weights' needs the balancing rule 'fixed', got 'passion'"):
        BalancingSettings.parse({"balancing": "passion", "fixed_weights": [1, 2]})


def test_explained_variance_by_hand():
    balancer = rule("explained_variance", weight_norm="sum")
    # losses over the variance 8, bounded by 1
    share = np.array([0.5, 0.25, 1.0])
    weights = feed(balancer, [4.0, 2.0, 9.0], 0)
    np.testing.assert_allclose(weights, share / share.sum() * 3**0.5, rtol=1e-6)
    np.testing.assert_allclose(balancer.relative_advantage, (share.mean() - share) / share.mean(), rtol=1e-5)
    # the second value of an average has the rate 1 / (1 + 1 / 4); the second modality is not observed
    weights = feed(balancer, [2.0, float("nan"), 4.0], 1, observed=[1.0, 0.0, 1.0])
    share = np.array([4 + 0.8 * (2 - 4), 2, 9 + 0.8 * (4 - 9)]) / 8
    np.testing.assert_allclose(weights, share / share.sum() * 3**0.5, rtol=1e-6)


def test_explained_variance_does_not_depend_on_the_scale_of_a_code(monkeypatch):
    expected = feed(rule("explained_variance"), [4.0, 2.0, 6.0], 0)
    scale = torch.tensor([100.0, 1.0, 0.01])
    monkeypatch.setattr(ConstantSignals, "code_variances", lambda self: 8 * scale)
    np.testing.assert_allclose(feed(rule("explained_variance"), [400.0, 2.0, 0.06], 0), expected, rtol=1e-6)


def test_predictive_advantage_by_hand(monkeypatch):
    costs = [torch.tensor([0.3, -0.1, 0.1]), torch.tensor([0.1, 0.0, float("nan")])]
    monkeypatch.setattr(ConstantSignals, "imputation_costs", lambda self: costs[self.step // 3])
    balancer = rule("predictive_advantage", weight_norm="sum")
    # relative to the mean 0.4 / 3 of the non-negative costs, at least 0.1
    expected = np.array([0.3 / (0.4 / 3), 0.1, 0.1 / (0.4 / 3)])
    weights = feed(balancer, [1.0, 1.0, 1.0], 0)
    np.testing.assert_allclose(weights, expected / expected.sum() * 3**0.5, rtol=1e-6)
    np.testing.assert_array_equal(feed(balancer, [1.0, 1.0, 1.0], 1), weights)
    feed(balancer, [1.0, 1.0, 1.0], 3, observed=[1.0, 1.0, 0.0])
    np.testing.assert_allclose(balancer.running_cost, [0.3 - 0.8 * 0.2, -0.1 + 0.8 * 0.1, 0.1], rtol=1e-5)


def test_predictive_advantage_without_costs_gives_equal_weights(monkeypatch):
    monkeypatch.setattr(ConstantSignals, "imputation_costs", lambda self: torch.tensor([-0.3, -0.1, 0.0]))
    np.testing.assert_allclose(feed(rule("predictive_advantage"), [1.0, 2.0, 3.0], 0), [3**-0.5] * 3, rtol=1e-6)


def test_inverse_variance_by_hand():
    balancer = rule("inverse_variance", weight_norm="sum")
    weights = feed(balancer, [4.0, 2.0, 1.0], 0)
    np.testing.assert_allclose(weights, np.array([1, 2, 4]) / 7 * 3**0.5, rtol=1e-6)
    # every weighted loss is equal
    weights = feed(balancer, [2.0, 6.0, float("nan")], 1, observed=[1.0, 1.0, 0.0])
    average = np.array([4 - 0.8 * 2, 2 + 0.8 * 4, 1])
    np.testing.assert_allclose(weights * average, (weights * average)[0], rtol=1e-6)


@pytest.mark.parametrize("name", ["explained_variance", "inverse_variance", "predictive_advantage"])
def test_weights_of_averages_converge_under_noise(name):
    """Losses decay to limits with 50% multiplicative noise; the weights converge to those of the limits."""
    limits, rng = np.array([1.0, 2.0, 4.0]), np.random.default_rng(0)
    balancer = rule(name, weight_norm="sum", weight_interval=1)
    trace = []
    for step in range(4000):
        losses = (limits + 3 * np.exp(-step / 50)) * rng.uniform(0.5, 1.5, 3)
        trace.append(feed(balancer, losses.astype(np.float32).tolist(), step))
    expected = 1 / limits if name == "inverse_variance" else limits
    np.testing.assert_allclose(trace[-1], expected / expected.sum() * 3**0.5, rtol=0.02)
    # the range over the latest quarter of the steps shrinks with the number of steps
    assert np.ptp(trace[3000:], axis=0).max() < 0.5 * np.ptp(trace[75:100], axis=0).max()
    assert np.ptp(trace[3000:], axis=0).max() < 0.02


def test_relative_advantage_does_not_converge_under_the_same_noise():
    limits, rng = np.array([1.0, 2.0, 4.0]), np.random.default_rng(0)
    balancer = rule(weight_norm="sum", weight_step_max=1.0)
    trace = [feed(balancer, (limits * rng.uniform(0.5, 1.5, 3)).tolist(), step) for step in range(4000)]
    assert np.ptp(trace[3000:], axis=0).max() > 0.05


def step_signals(availability, codes, imputed, target):
    """Return the signals of a step whose joint head is the sum of the codes of a sample, one dimension per class."""
    objective = Objective.fit(target)
    availability = torch.tensor(availability, dtype=torch.bool)
    codes, imputed = torch.tensor(codes), torch.tensor(imputed)
    batch = SimpleNamespace(
        target=torch.as_tensor(objective.encode(target)),
        availability=availability,
        global_counts=SimpleNamespace(n_samples=len(availability), n_observed=availability.sum(dim=0)),
    )
    head = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 2, bias=False))
    head[1].weight.data = torch.eye(2).repeat(1, 2)
    completed = torch.where(availability[..., None], codes, imputed)
    output = SimpleNamespace(codes=SimpleNamespace(sample=codes), imputed=imputed, representation=completed.flatten(1))
    losses = torch.zeros(2)
    network = SimpleNamespace(joint_head=head)
    return StepSignals(losses, losses, 0, network=network, output=output, batch=batch, objective=objective)


def test_code_variances_and_imputation_costs_by_hand():
    undefined = float("nan")
    codes = [[[1.0, 0.0], [0.0, 3.0]], [[3.0, 4.0], [undefined, undefined]], [[2.0, 2.0], [0.0, 1.0]]]
    imputed = [[[0.0, 0.0], [0.0, 2.0]], [[2.0, 2.0], [1.0, 1.0]], [[1.0, 2.0], [0.0, 0.0]]]
    signals = step_signals([[1, 1], [1, 0], [1, 1]], codes, imputed, Target.from_labels([1, 0, 1]))
    # deviations from the means (2, 2) and (0, 2)
    np.testing.assert_allclose(signals.code_variances(), [(1 + 4 + 1 + 4) / 2, 2.0])

    def loss(logits, label):
        return np.log(np.exp(logits).sum()) - logits[label]

    first = [
        loss([0.0, 3.0], 1) - loss([1.0, 3.0], 1),
        loss([3.0, 3.0], 0) - loss([4.0, 5.0], 0),
        loss([1.0, 3.0], 1) - loss([2.0, 3.0], 1),
    ]
    second = [loss([1.0, 2.0], 1) - loss([1.0, 3.0], 1), loss([2.0, 2.0], 1) - loss([2.0, 3.0], 1)]
    np.testing.assert_allclose(signals.imputation_costs(), [np.mean(first), np.mean(second)], rtol=1e-5)
    assert signals.network.joint_head.training


def test_signals_of_codes_are_undefined_without_observations():
    codes = [[[1.0, 0.0], [0.0, 3.0]]]
    signals = step_signals([[1, 0]], codes, codes, Target.from_labels([0], [0, 1]))
    np.testing.assert_array_equal(torch.isnan(signals.code_variances()), [True, True])
    np.testing.assert_array_equal(torch.isnan(signals.imputation_costs()), [False, True])
