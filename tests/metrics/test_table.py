"""Table of scores: it contains every computed score, and all consumers take the direction from it."""

import json

import numpy as np
import pytest

from factories import TARGETS, make_data, tiny
from record_factory import make_records, make_spec
from redcore.benchmark import rank_methods
from redcore.explain import modality_value
from redcore.methods import make_method
from redcore.metrics import is_lower_better, known_scores, mosi_scores, plug_in_scores, score_label, scores, sims_scores
from redcore.report._payload import payload
from redcore.testing import SCORES as CONTRACT
from redcore.testing import ScoreSubject
from redcore.tuning import Task

SCORES = known_scores()
LOWER_IS_BETTER = {"nll", "ece", "mae", "ibs", "horizon_error"} | {
    name for name, plug_in in plug_in_scores().items() if plug_in.score.lower_is_better
}


def computed_scores(kind):
    data = make_data(kind)
    method = make_method("late_fusion").fit(data)
    return scores(method.schema.align(data).target, method.predict(data), method.decide)


def test_table_contains_exactly_the_computed_scores():
    names = {name for kind in (*TARGETS, "survival") for name in computed_scores(kind)}
    values = np.array([-1.0, 0.5, 2.0])
    names |= set(mosi_scores(values, values)) | set(sims_scores(values, values))
    assert names == set(SCORES)


@pytest.mark.parametrize("kind", [*TARGETS[:4], "survival"])
def test_values_are_in_the_range_of_their_score(kind):
    for name, value in computed_scores(kind).items():
        assert kind in SCORES[name].kinds
        assert SCORES[name].low <= value <= SCORES[name].high


@pytest.mark.parametrize("name", plug_in_scores())
@pytest.mark.parametrize("clause", CONTRACT.clauses)
def test_contract(name, clause):
    CONTRACT.check_clause(clause, ScoreSubject(name))


@pytest.mark.parametrize("name", SCORES)
def test_tuning_optimises_in_the_direction_of_the_score(name):
    task = Task("late_fusion", make_data(), {}, metric=name)
    assert task.direction == ("minimize" if name in LOWER_IS_BETTER else "maximize")


@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "regression", "survival"])
def test_modality_value_has_the_direction_of_the_score(kind):
    data = make_data(kind, 60, holes=False)
    method = make_method("late_fusion", settings=tiny("late_fusion")).fit(data)
    # the prediction without any modality is constant and has no correlation
    for name in set(computed_scores(kind)) - {"pearson_r"}:
        value = modality_value(method, data, name)
        sign = -1 if name in LOWER_IS_BETTER else 1
        expected = scores(method.schema.align(data).target, method.predict(data), method.decide)[name]
        assert value.with_all == pytest.approx(sign * expected)
        assert sum(value.shapley.values.values()) == pytest.approx(value.with_all - value.without)


@pytest.mark.parametrize("name", SCORES)
def test_benchmark_ranks_the_better_method_first(name):
    records = make_records(make_spec(data=("d",), methods=("good", "bad"), n_seeds=1, rates=((0.5,),)))
    better, worse = (0.1, 0.4) if name in LOWER_IS_BETTER else (0.4, 0.1)
    for record in records:
        value = better if record.cell.method.title() == "good" else worse
        for entry in record.metrics["per_pattern"].values():
            entry[name] = value
    ranking = rank_methods(records, score=name)
    assert ranking is not None
    assert ranking.methods[0] == "good"


def test_page_payload_contains_label_and_direction():
    content = payload(make_records(make_spec(n_seeds=1)), "title")
    metrics = json.loads(json.dumps(content, default=str))["metrics"]
    assert metrics
    for metric in metrics:
        assert metric["lower"] == is_lower_better(metric["name"])
        assert metric["label"] == score_label(metric["name"])


def test_score_without_an_entry_keeps_its_name():
    assert (score_label("my_score"), is_lower_better("my_score"), is_lower_better(None)) == ("my score", False, False)
