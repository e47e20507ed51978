"""Averaging of the weights over the steps of a fit."""

import numpy as np
import torch
from torch import nn

from factories import make_data, tiny
from redcore.fitting._averaging import WeightAverage
from redcore.methods.zero_fill import METHOD as ZERO_FILL


def averaged(share: float, values: list[float]) -> float:
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, share)
    for step, value in enumerate(values):
        nn.init.constant_(network.weight, value)
        average.update(step)
    with average.applied():
        inside = network.weight.item()
    assert network.weight.item() == np.float32(values[-1])
    return inside


def test_a_share_of_one_is_the_mean_of_all_steps():
    values = np.random.default_rng(0).normal(size=50).tolist()
    np.testing.assert_allclose(averaged(1.0, values), np.mean(values), rtol=1e-4)


def test_the_window_is_a_share_of_the_steps():
    # after a jump in the last eighth of 800 steps, an average over an eighth has moved most of the way
    values = [0.0] * 700 + [1.0] * 100
    assert 0.6 < averaged(0.125, values) < 0.7
    assert averaged(1.0, values) < 0.15


def test_the_kept_weights_are_the_average():
    data = make_data()
    settings = tiny("zero_fill", max_epochs=3, validation_fraction=0.0)
    averaged_fit = ZERO_FILL(ZERO_FILL.Settings.parse(settings | {"weight_averaging": 1.0})).fit(data, seed=0)
    last = ZERO_FILL(ZERO_FILL.Settings.parse(settings | {"weight_averaging": 0.0})).fit(data, seed=0)
    states = [dict(method.network.named_parameters()) for method in (averaged_fit, last)]
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])
    # both took the same steps
    assert averaged_fit.history.steps == last.history.steps
