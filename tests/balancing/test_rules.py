"""Supervision-weight rules compared with the formulas of docs/method.md."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from redcore._discovery import names
from redcore.balancing import BalancingSettings, Signals, StepSignals, build_rule
from redcore.data import Target
from redcore.nn import Objective

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


class LossSignals(Signals):
    """Signals with given losses: equal gradients and scores, no validation data and no encoders."""

    def gradient_norms(self):
        return torch.zeros_like(self.losses)

    def unimodal_scores(self):
        return torch.full_like(self.losses, 0.5)

    def unimodal_magnitudes(self):
        return torch.ones_like(self.losses)

    def unimodal_entropies(self):
        return torch.full_like(self.losses, 0.5)

    def unimodal_divergences(self):
        return self.losses

    def validation_slopes(self):
        return None

    def encoder_parameters(self):
        return [[] for _ in self.losses]


def feed(balancer, losses, step, observed=None, ends_epoch=False):
    observed = torch.ones(len(losses)) if observed is None else torch.tensor(observed, dtype=torch.float32)
    return balancer.update(LossSignals(torch.tensor(losses), observed, step, ends_epoch)).numpy().copy()


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
class TestEveryRule:
    @pytest.mark.parametrize("losses", [[0.0, 0.0], [1e-30, 1e30], [1e-38, 1e-38]])
    def test_finite_and_normed(self, name, losses):
        balancer = rule(name, 2)
        for step in range(10):
            weights = feed(balancer, losses, step)
        assert np.isfinite(weights).all()
        # PASSION preserves the norm of the initial weights
        assert np.linalg.norm(weights) == pytest.approx(2**0.5 if name == "passion" else 1)

    def test_one_modality(self, name):
        assert feed(rule(name, 1), [3.0], 0) == pytest.approx([1.0])

    def test_state_is_in_buffers(self, name):
        first, second = rule(name), rule(name)
        feed(first, [4.0, 2.0, 3.0], 0)
        second.load_state_dict(first.state_dict())
        np.testing.assert_array_equal(feed(first, [1.0, 2.0, 9.0], 3), feed(second, [1.0, 2.0, 9.0], 3))


def test_fixed_weights_are_constant():
    np.testing.assert_allclose(feed(rule("fixed", 4), [9.0, 1.0, 1.0, 1.0], 0), [0.5] * 4)


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
    monkeypatch.setattr(LossSignals, "unimodal_magnitudes", lambda self: torch.tensor([3.0, 1.0]))
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
