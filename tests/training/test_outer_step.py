"""The outer step of the bi-level problem, against gradients taken one by one."""

import numpy as np
import pytest
import torch

from factories import make_data, tiny
from redcore.balancing import BalancingSpec, build_rule
from redcore.fitting import Stepper
from redcore.methods import make_method
from redcore.nn import Objective, collate

QUIET = {
    "modality_dropout": 0,
    "head_dropout": 0,
    "encoder_dropout": 0,
    "attention_dropout": 0,
    "bottleneck_noise": False,
}


def stepper(**changes):
    data = make_data("multiclass")
    method = make_method("redcore", settings=tiny("redcore", balancing="hypergradient", **changes)).fit(data)
    objective = Objective.fit(data.target, "squared")
    batch = collate(method.preprocessor.apply(data), np.arange(24), objective.encode(data.target))
    method.network.train()
    return Stepper(method.network, objective, method.settings), batch


@pytest.mark.parametrize("detached", [True, False])
def test_slopes_are_inner_products_of_gradients(monkeypatch, detached):
    made, batch = stepper(**QUIET, detach_imputation_target=detached)
    network, parameters = made.network, list(made.network.parameters())

    def gradient(loss):
        found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
        return torch.cat(
            [torch.zeros(p.numel()) if g is None else g.ravel() for p, g in zip(parameters, found, strict=True)]
        )

    held_out = gradient(made.objective.loss(network(batch).logits, batch.target))
    expected = [float(held_out @ gradient(loss)) for loss in network.weighted_losses(network(batch), batch)]
    got = []
    monkeypatch.setattr(network, "outer_step", got.append)
    before = [parameter.clone() for parameter in parameters]
    made.outer_step(batch, batch)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got[0].numpy(), expected, atol=0.02 * scale)
    # the network itself has not moved
    for parameter, kept in zip(parameters, before, strict=True):
        torch.testing.assert_close(parameter, kept, rtol=0, atol=0)


def test_noise_is_the_same_on_both_sides(monkeypatch):
    made, batch = stepper()
    got = []
    monkeypatch.setattr(made.network, "outer_step", got.append)
    torch.manual_seed(0)
    made.outer_step(batch, batch)
    # differences of independent noise over a step of 0.01 would be in the hundreds
    assert got[0].abs().max() < 50


def test_the_rule_steps_up_where_the_held_out_loss_would_fall():
    rule = build_rule("hypergradient", 3, BalancingSpec(0.7, 3, 0.1, 1.5, 500, None, 0.1))
    equal = np.full(3, 3**-0.5)
    np.testing.assert_allclose(rule.update(torch.ones(3), torch.ones(3), 0), equal, rtol=1e-6)
    rule.outer_step(torch.tensor([2.0, -4.0, 0.0]))
    beta = equal + 0.1 * np.array([0.5, -1.0, 0.0])
    np.testing.assert_allclose(rule.supervision_weight, beta / np.linalg.norm(beta), rtol=1e-5)
    np.testing.assert_allclose(rule.relative_advantage, [-0.5, 1.0, 0.0])
    kept = rule.supervision_weight.clone()
    rule.outer_step(torch.tensor([float("nan"), 0.0, 0.0]))
    rule.outer_step(torch.zeros(3))
    np.testing.assert_array_equal(rule.supervision_weight, kept)


def test_weights_move_in_a_fit_and_need_validation_data():
    data = make_data("multiclass", 48)
    settings = tiny("redcore", balancing="hypergradient", max_epochs=4)
    first, again = (make_method("redcore", settings=settings).fit(data, seed=3) for _ in range(2))
    weights = list(first.supervision_weight.values())
    assert np.ptp(weights) > 0.01
    assert weights == list(again.supervision_weight.values())
    without = make_method("redcore", settings={**settings, "validation_fraction": 0}).fit(data)
    assert np.ptp(list(without.supervision_weight.values())) < 1e-6
