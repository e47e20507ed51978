"""Survival of groups by predicted risk: curves and bands of scikit-survival, numbers at risk, small and odd inputs."""

import json

import numpy as np
import pytest

from redcore.data import Target
from redcore.metrics import evaluate_patterns, risk_groups
from redcore.testing._data import make_data

survival_estimates = pytest.importorskip("sksurv.nonparametric")


def times_with_ties(n_samples=400, seed=0):
    rng = np.random.default_rng(seed)
    return Target.from_survival(rng.integers(1, 60, n_samples), rng.random(n_samples) < 0.6).on_grid(), rng


def test_curves_and_bands_are_those_of_scikit_survival():
    target, rng = times_with_ties()
    curves = np.sort(rng.random((400, target.n_outputs)), axis=1)[:, ::-1]
    groups = risk_groups(target, curves)
    assert [group.n_samples for group in groups] == [134, 133, 133]
    assert [group.predicted.mean() for group in groups] == sorted((g.predicted.mean() for g in groups), reverse=True)
    [everyone] = risk_groups(target, curves, 1)
    events = target.values[:, 1] == 1
    times, expected, band = survival_estimates.kaplan_meier_estimator(events, target.values[:, 0], conf_type="log-log")
    at = np.searchsorted(times, everyone.times)
    np.testing.assert_allclose(everyone.survival, expected[at])
    inside = expected[at] > 0
    np.testing.assert_allclose(everyone.low[inside], band[0][at][inside])
    np.testing.assert_allclose(everyone.high[inside], band[1][at][inside])
    assert everyone.n_events == events.sum()
    assert everyone.at_risk.tolist() == [(target.values[:, 0] >= tick).sum() for tick in everyone.ticks]


def test_long_curves_are_thinned_without_a_change_of_their_values():
    rng = np.random.default_rng(0)
    target = Target.from_survival(rng.exponential(size=3000), np.ones(3000)).on_grid()
    [group] = risk_groups(target, np.tile(np.linspace(0.9, 0.1, target.n_outputs), (3000, 1)), 1)
    assert len(group.times) == 200
    np.testing.assert_allclose(
        group.survival, 1 - np.searchsorted(np.sort(target.values[:, 0]), group.times, "right") / 3000
    )
    assert group.survival[-1] == group.low[-1] == group.high[-1] == 0


@pytest.mark.parametrize("n_samples", [1, 4, 9, 14])
def test_few_samples_give_fewer_groups(n_samples):
    target, _ = times_with_ties(50)
    curves = np.tile(np.linspace(0.9, 0.1, target.n_outputs), (n_samples, 1))
    groups = risk_groups(target.take(np.arange(n_samples)), curves)
    assert len(groups) == max(1, n_samples // 5)
    assert sum(group.n_samples for group in groups) == n_samples


def test_a_group_without_events_has_a_flat_curve():
    target, _ = times_with_ties(50)
    rows = np.flatnonzero(target.values[:, 1] == 0)
    [group] = risk_groups(target.take(rows), np.tile(np.linspace(0.9, 0.1, target.n_outputs), (len(rows), 1)), 1)
    assert group.n_events == 0
    assert not len(group.times)
    json.dumps(group.to_dict(), allow_nan=False)


def test_detailed_reports_have_groups_for_survival_only():
    data = make_data("survival", 40)
    data = type(data)(data.modalities, data.target.on_grid(), None, data.sample_ids, None)
    curve = np.linspace(0.9, 0.1, data.target.n_outputs)
    report = evaluate_patterns(lambda part: np.tile(curve, (part.n_samples, 1)), data, detailed=True)
    groups = json.loads(json.dumps(report.to_dict(), allow_nan=False))["risk_groups"]
    assert [group["n_samples"] for group in groups] == [14, 13, 13]
    binary = evaluate_patterns(lambda part: np.full((part.n_samples, 2), 0.5), make_data("binary", 40), detailed=True)
    assert "risk_groups" not in binary.to_dict()
