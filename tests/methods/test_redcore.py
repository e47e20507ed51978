"""The switches of RedCore: each turns off exactly the part that it names."""

import numpy as np
import pytest
import torch

from factories import make_data, tiny
from redcore.data import Schema
from redcore.exceptions import SettingsError
from redcore.methods import make_method, method_class
from redcore.nn import Objective, collate

DATA = make_data("multiclass", 24)


def network(**changes):
    method = make_method("redcore", settings=tiny("redcore", modality_dropout=0.0, **changes))
    method.schema = Schema.of(DATA)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        forms = [(name, modality.n_features, False) for name, modality in DATA.modalities.items()]
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


def test_the_loss_is_the_sum_of_its_parts():
    on, off = losses(network(kl_weight=0.01)), losses(network(kl_weight=0.0))
    assert on["loss/kl"].item() > 0
    assert off["loss/kl"].item() == 0
    torch.testing.assert_close(on["loss"] - on["loss/kl"], off["loss"], rtol=1e-5, atol=1e-5)


def test_without_supervision_labels_do_not_reach_the_imputers():
    quiet = {"imputation_weight": 0.0}
    supervised = gradients(network(supervise_imputed=True, **quiet), "imputer")
    alone = gradients(network(supervise_imputed=False, **quiet), "imputer")
    assert any(g is not None and g.abs().sum() > 0 for g in supervised)
    assert all(g is None or g.abs().sum() == 0 for g in alone)


def test_fixed_weights_stay():
    model = make_method("redcore", settings=tiny("redcore", balancing="fixed", max_epochs=3)).fit(DATA)
    weights = list(model.supervision_weight.values())
    assert max(weights) == min(weights)
    moving = make_method("redcore", settings=tiny("redcore", max_epochs=3)).fit(DATA)
    assert max(moving.supervision_weight.values()) > min(moving.supervision_weight.values())


def test_detached_targets_change_the_encoders_only():
    kept, detached = network(detach_imputation_target=False), network(detach_imputation_target=True)
    for net in (kept, detached):
        losses(net)["loss"].backward()
    differ = {
        name.split(".")[0]
        for (name, a), (_, b) in zip(kept.named_parameters(), detached.named_parameters(), strict=True)
        if a.grad is not None and not torch.allclose(a.grad, b.grad)
    }
    assert differ
    assert not any("imputer" in name or "head" in name for name in differ)


def test_settings_are_bounded():
    cls = method_class("redcore").Settings
    for name, value in {"kl_weight": -1, "latent_dim": 0, "modality_dropout": 1.5, "weight_interval": 0}.items():
        with pytest.raises(SettingsError, match=name):
            cls.parse({name: value})
