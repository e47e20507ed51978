"""Losses of predictions, compared with their formulas."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from factories import TARGETS, make_arrays, make_data, make_target, tiny
from redcore._discovery import names
from redcore.data import Target, TargetKind
from redcore.exceptions import SettingsError, ShapeError
from redcore.methods import make_method
from redcore.nn import Objective
from redcore.nn.losses import Loss, LossSpec, build_loss

LOGITS = torch.tensor([[[2.0, 0.0, -1.0]], [[0.0, 1.0, 0.5]]])
CODES = torch.tensor([[0], [2]])


def built(name, kind, **constants) -> Loss:
    loss = build_loss(name, kind, LossSpec(**constants))
    assert loss is not None
    return loss


def kinds_of(name):
    return ("regression", "several numbers") if name == "huber" else TARGETS[:2] if name == "hinge" else TARGETS[:3]


@pytest.mark.parametrize("name", names("redcore.nn.losses"))
def test_every_loss_is_minimised_by_a_fit(name):
    for kind in kinds_of(name)[:2]:
        data = make_data(kind)
        if data.target.kind.is_regression:
            data = replace(data, target=Target.from_numbers(make_arrays()["text"][:, 0]))
        exact = {"head_dropout": 0, "encoder_dropout": 0, "modality_dropout": 0, "bottleneck_noise": False}
        settings = tiny("redcore", loss=name, learning_rate=0.02, batch_size=24, max_epochs=20, **exact)
        losses = make_method("redcore", settings=settings).fit(data).history.steps["loss/joint"]
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", names("redcore.nn.losses"))
def test_one_loss_per_sample_and_head(name):
    for kind in kinds_of(name):
        target = make_target(kind, 12)
        objective = Objective.fit(target)
        loss = build_loss(name, target.kind, LossSpec())
        values = torch.as_tensor(objective.encode(target))
        logits = torch.randn(12, 2, target.n_outputs, generator=torch.Generator().manual_seed(0))
        chosen = Objective(target.kind, target.n_outputs, objective.mean, objective.scale, chosen_loss=loss)
        losses = chosen.sample_losses(logits, values)
        assert losses.shape == (12, 2)
        assert (losses >= 0).all()
        torch.testing.assert_close(losses[:, :1], chosen.sample_losses(logits[:, :1], values))


def test_focal_loss_by_hand():
    p = LOGITS.softmax(dim=2).gather(2, CODES[..., None])[..., 0]
    for gamma in (0.0, 0.5, 2.0):
        focal = built("focal", TargetKind.MULTICLASS, focal_gamma=gamma)
        torch.testing.assert_close(focal(LOGITS, CODES), -((1 - p) ** gamma) * p.log())
    certain = torch.tensor([[[100.0, 0.0]]], requires_grad=True)
    built("focal", TargetKind.BINARY, focal_gamma=0.5)(certain, torch.tensor([[0]])).sum().backward()
    assert torch.isfinite(certain.grad).all()


def test_label_smoothing_by_hand():
    smoothed = built("auto", TargetKind.MULTICLASS, label_smoothing=0.3)
    target = 0.7 * functional.one_hot(CODES, 3) + 0.1
    torch.testing.assert_close(smoothed(LOGITS, CODES), -(target * LOGITS.log_softmax(dim=2)).sum(dim=2))
    labels = torch.tensor([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]])
    of_labels = built("cross_entropy", TargetKind.MULTILABEL, label_smoothing=0.2)
    p, soft = LOGITS.sigmoid(), labels * 0.8 + 0.1
    torch.testing.assert_close(of_labels(LOGITS, labels), -(soft * p.log() + (1 - soft) * (1 - p).log()).mean(dim=2))


def test_huber_loss_by_hand():
    huber = built("huber", TargetKind.REGRESSION, huber_delta=0.5)
    logits, target = torch.tensor([[[0.2, 3.0]]]), torch.zeros(1, 1, 2)
    assert huber(logits, target).item() == pytest.approx((0.2**2 / 2 + 0.5 * (3 - 0.25)) / 2)


def quartic(logits, target):
    return (logits - target).pow(4).mean(dim=2)


def scalar(logits, target):
    return logits.mean()


def test_loss_of_the_user():
    data = make_data("regression")
    method: Any = make_method("redcore", settings=tiny("redcore", loss=quartic)).fit(data)
    assert method.settings.loss.endswith(":quartic")
    assert np.isfinite(method.predict(data)).all()
    default = make_method("redcore", settings=tiny("redcore")).fit(data)
    assert method.history.steps["loss"] != default.history.steps["loss"]
    with pytest.raises(ShapeError, match=r"has the shape \(\), expected one value per sample and head: \(8, 1\)"):
        make_method("redcore", settings=tiny("redcore", loss=scalar)).fit(data)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("regression", {"loss": "focal"}, "expected a target of classes or labels, got regression"),
        ("regression", {"loss": "cross_entropy"}, "expected a target of classes or labels, got regression"),
        ("binary", {"loss": "huber"}, "expected a continuous target, got binary"),
        ("binary", {"loss": "focal", "label_smoothing": 0.1}, "has no label smoothing"),
        ("binary", {"loss": "focl"}, "unknown loss 'focl'; did you mean 'focal'"),
    ],
)
def test_unsuitable_losses_are_rejected(kind, settings, message):
    with pytest.raises(SettingsError, match=message):
        make_method("redcore", settings=tiny("redcore", **settings)).fit(make_data(kind))


@pytest.mark.parametrize("optimizer", ["nadam", "radam", "sgd"])
def test_optimisers(optimizer):
    data = make_data()
    losses = [
        make_method("redcore", settings=tiny("redcore", optimizer=name, max_epochs=6)).fit(data).history.steps["loss"]
        for name in (optimizer, "adamw")
    ]
    assert np.isfinite(losses[0]).all()
    assert losses[0][0] == losses[1][0]
    assert losses[0][-1] != losses[1][-1]


def test_device_index_needs_an_accelerator():
    with pytest.raises(SettingsError, match="setting 'device_index' needs an accelerator"):
        make_method("redcore", settings=tiny("redcore", device_index=1)).fit(make_data())
