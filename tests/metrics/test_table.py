"""The table of scores: every score that is computed is in it, and everybody takes the direction from it."""

import json

import numpy as np
import pytest

from factories import TARGETS, make_data, tiny
from record_factory import make_records, make_spec
from redcore.benchmark import rank_methods
from redcore.explain import modality_value
from redcore.methods import make_method
from redcore.metrics import SCORES, is_lower_better, mosi_scores, score_label, scores, sims_scores
from redcore.report._payload import payload
from redcore.tuning import Task

PERFECT_IS_LOW = {"nll", "ece", "mae"}


def computed(kind):
    data = make_data(kind)
    method = make_method("late_fusion").fit(data)
    return scores(data.target, method.predict(data), method.decide)


def test_every_score_that_is_computed_has_an_entry_and_the_other_way_round():
    found = {name for kind in TARGETS for name in computed(kind)}
    numbers = np.array([-1.0, 0.5, 2.0])
    found |= set(mosi_scores(numbers, numbers)) | set(sims_scores(numbers, numbers))
    assert found == set(SCORES)


@pytest.mark.parametrize("kind", TARGETS[:4])
def test_values_are_in_the_range_of_their_score(kind):
    for name, value in computed(kind).items():
        assert kind in SCORES[name].kinds
        assert SCORES[name].low <= value <= SCORES[name].high


@pytest.mark.parametrize("name", SCORES)
def test_tuning_goes_in_the_direction_of_the_score(name):
    task = Task("late_fusion", make_data(), {}, metric=name)
    assert task.direction == ("minimize" if name in PERFECT_IS_LOW else "maximize")


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression"])
def test_a_modality_that_improves_a_score_is_worth_more_than_0(kind):
    data = make_data(kind, 60, holes=False)
    method = make_method("late_fusion", settings=tiny("late_fusion")).fit(data)
    # a constant prediction, which is that without any modality, has no correlation
    for name in set(computed(kind)) - {"pearson_r"}:
        value = modality_value(method, data, name)
        sign = -1 if name in PERFECT_IS_LOW else 1
        found = scores(data.target, method.predict(data), method.decide)[name]
        assert value.with_all == pytest.approx(sign * found)
        assert sum(value.worth.values.values()) == pytest.approx(value.with_all - value.without)


@pytest.mark.parametrize("name", SCORES)
def test_the_benchmark_ranks_the_better_method_first(name):
    records = make_records(make_spec(data=("d",), methods=("good", "bad"), n_seeds=1, rates=((0.5,),)))
    better, worse = (0.1, 0.4) if name in PERFECT_IS_LOW else (0.4, 0.1)
    for record in records:
        value = better if record.cell.method.title() == "good" else worse
        for entry in record.metrics["per_pattern"].values():
            entry[name] = value
    ranking = rank_methods(records, score=name)
    assert ranking is not None
    assert ranking.methods[0] == "good"


def test_pages_are_told_label_and_direction():
    content = payload(make_records(make_spec(n_seeds=1)), "title")
    told = json.loads(json.dumps(content, default=str))["metrics"]
    assert told
    for metric in told:
        assert metric["lower"] == is_lower_better(metric["name"])
        assert metric["label"] == score_label(metric["name"])


def test_a_score_that_is_not_in_the_table_keeps_its_name():
    assert (score_label("my_score"), is_lower_better("my_score"), is_lower_better(None)) == ("my score", False, False)
