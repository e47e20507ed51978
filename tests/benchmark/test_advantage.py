"""Label costs and rank correlations of supervision weights in benchmarks/advantage.py."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from factories import load_script

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "advantage.py"


@pytest.fixture(scope="module")
def advantage():
    return load_script(SCRIPT)


def record(weights, losses, score="nll", history=None):
    rates = dict.fromkeys(weights, 0.5)
    steps = history or {name: [value] * 6 for name, value in weights.items()}
    return SimpleNamespace(
        status="done",
        method_title="rule",
        data_title="data",
        weights=weights,
        missing_rates={"train": rates},
        metrics={"per_pattern": {name: {score: value} for name, value in losses.items()}},
        history={
            **{f"supervision_weight/{name}": values for name, values in steps.items()},
            **{f"imputation_loss/{name}": [1.0 + place] * 6 for place, name in enumerate(weights)},
        },
    )


def test_label_costs_are_means_over_pairs_of_patterns(advantage):
    losses = {"a": 1.0, "b": 2.0, "c": 4.0, "a+b": 0.5, "a+c": 0.75, "b+c": 1.75, "a+b+c": 0.25}
    weights = {"a": 0.9, "b": 0.5, "c": 0.1}
    costs = advantage.pattern_costs(record(weights, losses))
    assert costs == pytest.approx(
        {"a": (1.5 + 3.25 + 1.5) / 3, "b": (0.5 + 2.25 + 0.5) / 3, "c": (0.25 + 0.25 + 0.25) / 3}
    )
    r2 = {name: 1 - loss for name, loss in losses.items()}
    assert advantage.pattern_costs(record(weights, r2, "r2")) == pytest.approx(costs)


def test_a_modality_without_a_pair_of_patterns_has_no_cost(advantage):
    costs = advantage.pattern_costs(record({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": None, "a+b": None}))
    assert np.isnan(list(costs.values())).all()


def test_correlations_and_change_of_a_rule(advantage):
    losses = {"a": 1.0, "b": 2.0, "a+b": 0.5}
    history = {"a": [9, 9, 9, 9, 0.8, 1.0], "b": [9, 9, 9, 9, 0.3, 0.3]}
    values = advantage.of_rule(record({"a": 0.9, "b": 0.3}, losses, history=history))
    found = dict(zip(advantage.RULE_COLUMNS, values, strict=True))
    assert found["weight and label cost"] == pytest.approx(1)
    assert found["weight and imputation loss"] == pytest.approx(-1)
    assert np.isnan(found["weight and missing rate"])
    assert found["change"] == pytest.approx(0.2 / 0.6)


def test_intervals_are_over_data_sets(advantage, capsys):
    assert advantage.over_data_sets(np.array([0.0, np.nan, 1.0])) == "+0.50 (-5.85 to +6.85)"
    assert advantage.over_data_sets(np.array([np.nan])) == ""
    advantage.print_rules([record({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0, "a+b": 0.5})])
    row = capsys.readouterr().out.splitlines()[-1]
    # constant weights have no rank correlation
    assert row == "| rule | 1, 1 |  |  |  | -1.00 |  | +0.00 |"
