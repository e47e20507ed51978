"""Shapley values of games with known solutions, and values of modalities."""

import numpy as np
import pytest

from factories import make_data
from redcore import modality_value
from redcore.datasets import gaussian
from redcore.exceptions import UnknownNameError
from redcore.explain import shapley, training_states, value_words
from redcore.methods import make_method
from redcore.report import worth_figure


def test_additive_game():
    contributions = {"a": 1.0, "b": -2.0, "c": 0.5}
    found = shapley(lambda team: sum(contributions[player] for player in team), list(contributions))
    assert found.values == pytest.approx(contributions)
    assert found.errors is None
    assert list(found.interactions.values()) == pytest.approx([0, 0, 0])


def test_glove_game():
    # one left and two right gloves; a pair has the value 1
    found = shapley(lambda team: float("left" in team and len(team) > 1), ["left", "right", "other"])
    assert found.values == pytest.approx({"left": 2 / 3, "right": 1 / 6, "other": 1 / 6})
    assert found.interactions["right", "other"] == pytest.approx(-0.5)


def test_sampled_values_of_twelve_players_are_within_their_errors():
    rng = np.random.default_rng(0)
    players = [f"p{k}" for k in range(12)]
    alone = dict(zip(players, rng.normal(size=12), strict=True))
    # p0 and p1 have an interaction of 3, of which each receives half
    truth = alone | {"p0": alone["p0"] + 1.5, "p1": alone["p1"] + 1.5}

    def game(team):
        return sum(alone[p] for p in team) + 3.0 * ({"p0", "p1"} <= team)

    found = shapley(game, players, 100, seed=1)
    for player in players:
        assert abs(found.values[player] - truth[player]) <= 4 * found.errors[player] + 1e-9
    assert sum(found.values.values()) == pytest.approx(game(frozenset(players)))
    assert found.interactions["p0", "p1"] == pytest.approx(3.0)
    assert found.interactions["p2", "p3"] == pytest.approx(0.0)
    assert found.interaction_errors["p2", "p3"] == pytest.approx(0.0)


def test_values_add_up_to_the_gain_and_follow_informativeness():
    data = gaussian.load(1500, n_features=6, informativeness=(0.0, 0.4, 1.2))
    method = make_method("late_fusion").fit(data.part("train"))
    value = modality_value(method, data.part("test"), "nll")
    values = value.shapley.values
    assert sum(values.values()) == pytest.approx(value.with_all - value.without)
    # averaging in an uninformative modality is harmful
    assert values["m00"] < 0.05 < values["m01"] < values["m02"]
    assert value.complete_samples
    assert value.to_dict()["interactions"].keys() == {"m00+m01", "m00+m02", "m01+m02"}


def test_a_lower_error_is_a_gain():
    data = gaussian.load(600, n_features=6, target="number", informativeness=(0.0, 0.4, 1.2))
    method = make_method("late_fusion").fit(data.part("train"))
    value = modality_value(method, data.part("test"), "mae")
    assert value.with_all > value.without
    assert value.shapley.values["m02"] > 0


def test_without_complete_samples_patterns_use_different_samples():
    data = make_data("multiclass", 60, holes=False)
    keep = np.ones((60, 3), dtype=bool)
    keep[np.arange(60), np.arange(60) % 3] = np.arange(60) < 6
    value = modality_value(make_method("late_fusion").fit(data), data.hide(keep))
    assert not value.complete_samples
    assert value.n_samples == 6


def test_values_of_few_samples_of_a_class_are_not_interpreted():
    data = make_data("binary", 60, holes=False)
    method = make_method("late_fusion").fit(data)
    few = data.take(np.concatenate([np.flatnonzero(data.target.values == 0), np.flatnonzero(data.target.values)[:4]]))
    value = modality_value(method, few)
    assert value.rarest == (str(data.target.classes[1]), 4)
    assert "only 4 of the evaluated samples are of class" in value_words(value).action
    assert value_words(modality_value(method, data)).action.startswith("Make sure that")


def test_an_unknown_metric_is_named():
    data = make_data("multiclass", 60)
    with pytest.raises(UnknownNameError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        modality_value(make_method("late_fusion").fit(data), data, "acuracy")


@pytest.mark.parametrize("n_players", [1, 3, 12])
def test_figure(n_players, tmp_path):
    result = shapley(lambda team: float(len(team)), [f"$p{k}_" for k in range(n_players)], 10)
    content = {
        "metric": "nll",
        "values": result.values,
        "standard_errors": result.errors,
        "interactions": {"+".join(pair): value for pair, value in result.interactions.items()},
        "without": 0.0,
        "with_all": 1.0,
    }
    worth_figure(content).savefig(tmp_path / "worth.png")
    assert (tmp_path / "worth.png").stat().st_size > 1000


def test_under_trained_modality_with_reason():
    steps = {
        "relative_advantage/audio": np.linspace(0.0, 0.4, 100),
        "relative_advantage/text": np.linspace(0.0, -0.4, 100),
        "supervision_weight/audio": np.linspace(0.7, 0.2, 100),
        "supervision_weight/text": np.linspace(0.7, 0.9, 100),
    }
    states = training_states(steps, {"audio": 0.1, "text": 0.8})
    assert [(state.modality, state.under_trained) for state in states] == [("text", True), ("audio", False)]
    assert "35% worse than the average" in states[0].reason
    assert "rose from 0.72 to 0.88" in states[0].reason
    assert "missing in 80%" in states[0].reason
    assert training_states({}) == []
    constant = {**steps, "supervision_weight/text": np.full(100, 0.7)}
    assert "supervision weight stayed at 0.70;" in training_states(constant, {"text": 0.8})[0].reason
