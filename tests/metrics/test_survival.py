"""Scores of survival curves, compared with scikit-survival."""

import numpy as np
import pytest
from sksurv.metrics import (
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.util import Surv

from factories import make_data
from redcore.data import Target, risk_scores
from redcore.datasets import WeibullTimes
from redcore.exceptions import TargetError
from redcore.methods import make_method
from redcore.metrics import concordance, evaluate_patterns, survival_scores


def weibull(n_samples, seed):
    """Return times, events and the true predictor."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n_samples)
    return (*WeibullTimes().sample(z, rng), z)


@pytest.mark.parametrize("n_samples", [40, 1500])
def test_scores_are_those_of_scikit_survival(n_samples):
    train, (times, events, z) = weibull(600, 1), weibull(n_samples, 2)
    grid = Target.from_survival(*train[:2]).on_grid().grid
    target = Target.from_survival(times, events).on_grid(grid)
    noisy = z + np.random.default_rng(3).normal(size=n_samples)
    curves = WeibullTimes().curves(noisy, np.full(n_samples, 0.2), grid.borders)
    scores = survival_scores(target, curves)
    known, scored = Surv.from_arrays(train[1], train[0]), Surv.from_arrays(events, times)
    followed = grid.borders <= grid.horizon
    risk = risk_scores(curves)
    uno = concordance_index_ipcw(known, scored, risk, tau=np.nextafter(grid.horizon, np.inf))[0]
    assert scores["uno_c"] == pytest.approx(uno)
    assert scores["harrell_c"] == pytest.approx(concordance_index_censored(events, times, risk)[0])
    if n_samples < 100:
        return  # scikit-survival needs samples with and without an event at every time
    auc = cumulative_dynamic_auc(known, scored, 1 - curves[:, followed], grid.borders[followed])[1]
    # scikit-survival counts risks as equal that differ by less than 1e-8
    assert scores["dynamic_auc"] == pytest.approx(auc, abs=1e-5)
    ibs = integrated_brier_score(known, scored, curves[:, followed], grid.borders[followed])
    assert scores["ibs"] == pytest.approx(ibs)


def test_concordance_of_many_ties_is_that_of_scikit_survival():
    rng = np.random.default_rng(0)
    times, events = rng.integers(1, 30, 2500).astype(float), rng.integers(0, 2, 2500)
    risk = rng.integers(0, 50, 2500).astype(float)
    expected = concordance_index_censored(events == 1, times, risk)[0]
    assert concordance(times, events, risk, events.astype(float)) == pytest.approx(expected)


def test_calibrated_curves_have_a_small_calibration_error_and_others_a_large_one():
    times, events, z = weibull(4000, 4)
    target = Target.from_survival(times, events).on_grid()
    true = WeibullTimes().curves(z, np.zeros(4000), target.grid.borders)
    assert survival_scores(target, true)["horizon_error"] < 0.03
    assert survival_scores(target, true**3)["horizon_error"] > 0.1


def test_scores_without_comparable_pairs_are_none_and_targets_without_bins_an_error():
    grid = Target.from_survival(*weibull(100, 5)[:2]).on_grid().grid
    censored = Target.from_survival([0.5, 1.0], [0, 0]).on_grid(grid)
    scores = survival_scores(censored, np.tile(np.linspace(0.9, 0.1, grid.n_bins), (2, 1)))
    assert scores["uno_c"] is None
    assert scores["harrell_c"] is None
    assert scores["dynamic_auc"] is None
    with pytest.raises(TargetError, match="no time bins"):
        survival_scores(Target.from_survival([0.5, 1.0], [0, 1]), np.ones((2, 3)))


@pytest.mark.parametrize(("factor", "text"), [(1, None), (365, "no event of its"), (1 / 365, "all times of its")])
def test_times_in_another_unit_than_those_of_the_training_are_named(factor, text):
    data = make_data("survival", 60)
    method = make_method("prior").fit(data)
    target = Target.from_survival(factor * data.target.values[:, 0], data.target.values[:, 1])
    other = type(data)(data.modalities, target, None, data.sample_ids, None)
    report = evaluate_patterns(method.predict, method.schema.align(other))
    problem = report.problems.get("+".join(data.names))
    assert problem is None if text is None else problem.startswith(text) and "same unit" in problem
