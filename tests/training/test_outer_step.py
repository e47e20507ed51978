"""Hypergradient rule compared with explicit gradients."""

import numpy as np
import pytest
import torch

from factories import make_data, tiny
from redcore.balancing import BalancingSettings, Signals, StepSignals, build_rule
from redcore.methods import make_method
from redcore.nn import Objective, collate

NO_NOISE = {
    "modality_dropout": 0,
    "head_dropout": 0,
    "encoder_dropout": 0,
    "attention_dropout": 0,
    "bottleneck_noise": False,
}


def signals(**changes):
    data = make_data("multiclass")
    method = make_method("redcore", settings=tiny("redcore", balancing="hypergradient", **changes)).fit(data)
    objective = Objective.fit(data.target, "squared")
    batch = collate(method.preprocessor.transform(data), np.arange(24), objective.encode(data.target))
    network = method.network.train()
    output = network(batch)
    losses = network.imputation_losses(output, batch)
    return StepSignals(
        losses.detach(), torch.ones(3), 0, False, network, output, batch, objective, losses, held_out=lambda: batch
    )


@pytest.mark.parametrize("detached", [True, False])
def test_slopes_are_inner_products_of_gradients(detached):
    made = signals(**NO_NOISE, detach_imputation_target=detached)
    parameters = list(made.network.parameters())

    def gradient(loss):
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
        return torch.cat(
            [torch.zeros(p.numel()) if g is None else g.ravel() for p, g in zip(parameters, gradients, strict=True)]
        )

    held_out = gradient(made.objective.loss(made.output.logits, made.batch.target))
    expected = [float(held_out @ gradient(loss)) for loss in made.imputation]
    before = [parameter.clone() for parameter in parameters]
    got = made.validation_slopes()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got.numpy(), expected, atol=0.02 * scale)
    # the parameters of the network are unchanged
    for parameter, expected_value in zip(parameters, before, strict=True):
        torch.testing.assert_close(parameter, expected_value, rtol=0, atol=0)


def test_both_evaluations_use_the_same_noise_and_restore_the_random_state():
    made = signals()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    # with independent noise, differences over a step of 0.01 would be in the hundreds
    assert made.validation_slopes().abs().max() < 50
    assert torch.equal(torch.get_rng_state(), state)


class Slopes(Signals):
    def validation_slopes(self):
        return self.slopes


def test_weights_increase_if_the_validation_loss_would_decrease():
    rule = build_rule(3, BalancingSettings(balancing="hypergradient"))
    equal = np.full(3, 3**-0.5)

    def update(slopes, step):
        made = Slopes(torch.ones(3), torch.ones(3), step)
        object.__setattr__(made, "slopes", slopes)
        return rule.update(made)

    np.testing.assert_allclose(update(None, 0), equal, rtol=1e-6)
    # no update at this step
    np.testing.assert_allclose(update(torch.tensor([2.0, -4.0, 0.0]), 1), equal, rtol=1e-6)
    update(torch.tensor([2.0, -4.0, 0.0]), 3)
    beta = equal + 0.1 * np.array([0.5, -1.0, 0.0])
    np.testing.assert_allclose(rule.supervision_weight, beta / np.linalg.norm(beta), rtol=1e-5)
    np.testing.assert_allclose(rule.relative_advantage, [-0.5, 1.0, 0.0])
    before = rule.supervision_weight.clone()
    update(torch.tensor([float("nan"), 0.0, 0.0]), 6)
    update(torch.zeros(3), 9)
    np.testing.assert_array_equal(rule.supervision_weight, before)


def test_weights_change_in_a_fit_with_validation_data_only():
    data = make_data("multiclass", 48)
    settings = tiny("redcore", balancing="hypergradient", max_epochs=4)
    first, again = (make_method("redcore", settings=settings).fit(data, seed=3) for _ in range(2))
    weights = list(first.supervision_weight.values())
    assert np.ptp(weights) > 0.01
    assert weights == list(again.supervision_weight.values())
    without = make_method("redcore", settings={**settings, "validation_fraction": 0}).fit(data)
    assert np.ptp(list(without.supervision_weight.values())) < 1e-6
