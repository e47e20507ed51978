"""Settings of RedCore: each changes only the corresponding part of the network or the loss."""

import numpy as np
import pytest
import torch

from factories import TARGETS, make_data, tiny
from redcore.balancing import BalancingSettings, build_rule
from redcore.data import Schema
from redcore.exceptions import SettingsError, UnknownNameError, UnseenModalityWarning
from redcore.methods import make_method, method_class
from redcore.nn import ModalityForm, Objective, collate

DATA = make_data("multiclass", 24)


def network(name="redcore", **changes):
    method = make_method(name, settings=tiny(name, modality_dropout=0.0, **changes))
    method.schema = Schema.of(DATA)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        forms = [ModalityForm(name, modality.n_features, 0) for name, modality in DATA.modalities.items()]
        return method.build_network(forms, 3, DATA.n_samples)


def losses(net, step=1):
    objective = Objective.fit(DATA.target, "squared")
    batch = collate(DATA, np.arange(DATA.n_samples), objective.encode(DATA.target))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return net.losses(net(batch), batch, objective, step)


def gradients(net, prefix):
    losses(net)["loss"].backward()
    return [p.grad for name, p in net.named_parameters() if prefix in name]


def test_losses_do_not_change_the_state():
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first, again = losses(net), losses(net)
    torch.testing.assert_close(first["loss"], again["loss"], rtol=0, atol=0)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_loss_is_the_sum_of_its_terms():
    on, off = losses(network(kl_weight=0.01)), losses(network(kl_weight=0.0))
    assert on["loss/kl"].item() > 0
    assert off["loss/kl"].item() == 0
    torch.testing.assert_close(on["loss"] - on["loss/kl"], off["loss"], rtol=1e-5, atol=1e-5)


def test_without_supervision_imputers_have_no_gradient_of_the_prediction_loss():
    no_imputation_loss = {"imputation_weight": 0.0}
    supervised = gradients(network(supervise_imputed=True, **no_imputation_loss), "imputer")
    alone = gradients(network(supervise_imputed=False, **no_imputation_loss), "imputer")
    assert any(g is not None and g.abs().sum() > 0 for g in supervised)
    assert all(g is None or g.abs().sum() == 0 for g in alone)


def test_initial_bottleneck():
    identity, random = (network(bottleneck_init=init).bottleneck.project.weight for init in ("identity", "random"))
    width = identity.shape[2]
    assert torch.equal(identity[:, :width], torch.eye(width).expand(3, -1, -1))
    assert not torch.equal(random, identity)


def test_fixed_weights_are_constant():
    model = make_method("redcore", settings=tiny("redcore", balancing="fixed", max_epochs=3)).fit(DATA)
    weights = list(model.supervision_weight.values())
    assert max(weights) == min(weights)
    moving = make_method("redcore", settings=tiny("redcore", balancing="relative_advantage", max_epochs=3)).fit(DATA)
    assert max(moving.supervision_weight.values()) > min(moving.supervision_weight.values())


def test_given_weights_reach_the_network():
    names = DATA.names
    settings = tiny("redcore", balancing="fixed", fixed_weights={names[1]: 3.0}, weight_norm="sum", max_epochs=1)
    weights = make_method("redcore", settings=settings).fit(DATA).supervision_weight
    expected = np.where(np.array(names) == names[1], 3.0, 1.0)
    np.testing.assert_allclose(
        [weights[name] for name in names], expected / expected.sum() * len(names) ** 0.5, rtol=1e-6
    )
    unknown = tiny("redcore", balancing="fixed", fixed_weights={"sound": 3.0}, max_epochs=1)
    with pytest.raises(UnknownNameError, match=r"modality in setting 'fixed_weights'.*sound"):
        make_method("redcore", settings=unknown).fit(DATA)


def test_given_weights_of_a_modality_that_is_never_observed_are_ignored():
    hidden = DATA.availability.copy()
    hidden[:, 0] = False
    data = DATA.hide(hidden).take(np.flatnonzero(hidden.any(axis=1)))
    settings = tiny("redcore", balancing="fixed", fixed_weights=[5.0, 1.0, 2.0], max_epochs=1)
    with pytest.warns(UnseenModalityWarning, match=DATA.names[0]):
        weights = make_method("redcore", settings=settings).fit(data).supervision_weight
    np.testing.assert_allclose(weights[DATA.names[2]] / weights[DATA.names[1]], 2, rtol=1e-6)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", ["explained_variance", "inverse_variance", "predictive_advantage"])
def test_rules_receive_variances_and_costs(name, kind):
    settings = tiny("redcore", balancing=name, max_epochs=3, modality_dropout=0.3)
    rule = make_method("redcore", settings=settings).fit(make_data(kind, 40), seed=0).network.rule
    assert (rule.n_batches > 0).all()
    if name == "explained_variance":
        assert (rule.running_variance > 0).all()
        expected = (rule.running_loss / rule.running_variance).clamp(max=1)
    elif name == "inverse_variance":
        expected = 1 / rule.running_loss
    else:
        assert (rule.running_cost != 0).all()
        expected = rule.running_cost.clamp(min=0)
    relative = (expected / expected.mean()).clamp(min=0.1) if expected.any() else torch.ones_like(expected)
    torch.testing.assert_close(rule.supervision_weight, relative / relative.norm())


def test_detached_targets_change_the_encoders_only():
    attached, detached = network(detach_imputation_target=False), network(detach_imputation_target=True)
    for net in (attached, detached):
        losses(net)["loss"].backward()
    differ = {
        name.split(".")[0]
        for (name, a), (_, b) in zip(attached.named_parameters(), detached.named_parameters(), strict=True)
        if a.grad is not None and not torch.allclose(a.grad, b.grad)
    }
    assert differ
    assert not any("imputer" in name or "head" in name for name in differ)


def test_values_out_of_bounds_are_rejected():
    cls = method_class("redcore").Settings
    for name, value in {"kl_weight": -1, "latent_dim": 0, "modality_dropout": 1.5, "weight_interval": 0}.items():
        with pytest.raises(SettingsError, match=name):
            cls.parse({name: value})


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", ["arl", "balm"])
def test_rules_scale_the_gradients_of_the_encoders(name, kind, monkeypatch):
    found = []
    cls = type(build_rule(1, BalancingSettings(balancing=name)))
    monkeypatch.setattr(cls, "scale_gradients", lambda self, scales, encoders: found.append(scales))
    settings = tiny("redcore", balancing=name, max_epochs=7, patience=None)
    make_method("redcore", settings=settings).fit(make_data(kind, 40), seed=0)
    scales = np.array(found)
    assert ((scales >= 0) & (scales <= 2)).all()
    assert np.ptp(scales[-1]) > 0
    assert (scales[0] == 1).all() == (name == "arl")


@pytest.mark.parametrize("name", ["gradnorm", "ogm_ge"])
def test_rules_receive_gradient_norms_and_scores(name):
    data = make_data(n_samples=40)
    settings = tiny("redcore", balancing=name, n_members=1, max_epochs=3)
    rule = make_method("redcore", settings=settings).fit(data, seed=0).network.rule
    if name == "gradnorm":
        assert (rule.first_loss > 0).all()
        assert not torch.allclose(rule.supervision_weight, rule.supervision_weight.mean())
    else:
        assert ((rule.score > 0) & (rule.score < 1)).all()
        assert rule._hooks


def test_the_placeholder_code_is_cached_until_the_weights_change():
    net = network("redcore_released", imputer="concatenate").eval()
    calls = []
    net.encoders.encoders[0].register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    batch = collate(DATA, np.arange(DATA.n_samples))
    with torch.no_grad():
        first, again = net(batch), net(batch)
        assert calls.count(1) == 1
        torch.testing.assert_close(first.logits, again.logits, rtol=0, atol=0)
        net.load_state_dict({name: value + 0.1 for name, value in net.state_dict().items()})
        changed = net(batch).logits
        torch.testing.assert_close(net.train().eval()(batch).logits, changed, rtol=0, atol=0)
    assert calls.count(1) == 3
