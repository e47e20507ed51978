"""The sweep of constant weights in benchmarks/oracle.py."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from factories import load_script

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "oracle.py"


@pytest.fixture
def oracle():
    return load_script(SCRIPT)


def test_weights_are_distinct_up_to_a_common_factor(oracle):
    assert oracle.weights_of(1) == []
    two = oracle.weights_of(2)
    ratios = [first / second if second else np.inf for first, second in two]
    assert len(set(np.round(ratios, 6))) == len(two)
    assert {0, 0.01, 0.1, 0.3, 3, 10, 100, np.inf} <= set(np.round(ratios, 6))
    assert all(sum(value != 1 for value in point) == 1 for point in oracle.weights_of(4))
    assert len(oracle.weights_of(4)) == 4 * 5
    assert oracle.weights_of(2, (0, 3), full_product_up_to=1) == [(0, 1), (3, 1), (1, 0), (1, 3)]


def test_cross_fitted_gains_by_hand(oracle):
    # weights, seeds, halves; the second weights win half 1 of seed 0 only
    loss = np.array([[[1.0, 1.0], [1.0, 1.0]], [[1.5, 0.2], [1.2, 1.1]]])
    gains, points = oracle.cross_fitted_gains(loss, -loss)
    # in seed 0, the second weights win on half 1, so that they are scored on half 0 of seed 1
    np.testing.assert_allclose(gains, [0, (1 - 1.2) / 2])
    np.testing.assert_allclose(points, gains)
    assert oracle.cross_fitted_gains(loss[:, :1], loss[:, :1]) is None


def test_noise_is_no_gain_and_a_true_gain_is_found(oracle):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (200, 50, 10, 2))
    gains = [oracle.cross_fitted_gains(loss, loss)[0].mean() for loss in noise]
    in_sample = [loss[0].mean() - loss.mean(axis=(1, 2)).min() for loss in noise]
    assert abs(np.mean(gains)) < 3 * np.std(gains) / len(gains) ** 0.5
    assert np.mean(in_sample) > 0.003
    noise[:, 7] -= 0.05
    gains = [oracle.cross_fitted_gains(loss, loss)[0].mean() for loss in noise]
    assert np.mean(gains) == pytest.approx(0.05, abs=0.002)


def test_the_spread_of_two_weights_has_the_p_value_of_a_paired_t_test(oracle):
    scores = np.random.default_rng(0).normal(loc=[[0.0], [0.5]], size=(2, 6))
    assert oracle.spread_of_effects(scores).p_value == pytest.approx(ttest_rel(*scores).pvalue)
    assert oracle.spread_of_effects(scores[:, :1]) is None


def test_the_spread_is_that_of_the_true_effects(oracle):
    rng = np.random.default_rng(0)
    effects, of_seeds = rng.normal(scale=0.5, size=(40, 1)), rng.normal(scale=9, size=(1, 5))
    noise = rng.normal(scale=0.5, size=(40, 5))
    spread = oracle.spread_of_effects(effects + of_seeds + noise)
    assert spread.low < effects.std(ddof=1) < spread.high
    assert spread.deviation == pytest.approx(effects.std(ddof=1), rel=0.2)
    alone = oracle.spread_of_effects(of_seeds + noise)
    assert alone.low == 0
    assert alone.high < 0.3
    assert alone.p_value > 0.05


@pytest.mark.slow
def test_sweep_is_resumed_and_scored(oracle, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(oracle, "ORDERS", (0,))
    small = ["--grid", "0", "1", "--rules", "inverse_rate", "--seeds", "2", "--set", "max_epochs=1"]
    arguments = [str(SCRIPT), str(tmp_path), "--data", "wine", *small]
    monkeypatch.setattr(sys, "argv", [*arguments, "--estimate"])
    assert oracle.main() == 0
    assert "total: 0.0 CPU hours for 1 of 1 data sets" in capsys.readouterr().out
    (first,) = (tmp_path / "records").iterdir()
    written = first.stat().st_mtime_ns
    monkeypatch.setattr(sys, "argv", arguments)
    assert oracle.main() == 0
    output = capsys.readouterr().out
    records = oracle.read_records(tmp_path)
    n_weights = len(oracle.weights_of(4, (0, 1)))
    assert len(records) == 2 * (n_weights + 2)
    assert first.stat().st_mtime_ns == written
    assert all(sum(record.weights.values()) == pytest.approx(2, rel=1e-5) for record in records)
    assert "| wine | imbalanced 0.2/0.5/0.8 | 2 | " in output
    assert "| wine | inverse_rate | " in output
    scores = oracle.scores_of(records[0])
    assert scores.whole_loss == pytest.approx(
        np.mean([values["nll"] for values in records[0].metrics["per_pattern"].values()]), rel=1e-3
    )
    f1 = [values["argmax_macro_f1"] for values in records[0].metrics["per_pattern"].values()]
    assert scores.whole_f1 == pytest.approx(np.mean(f1))
