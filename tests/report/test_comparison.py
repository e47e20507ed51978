"""Content of a benchmark page beyond its records."""

import numpy as np
import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import compare, leads, mean_ranks, rank_methods, summarise
from redcore.report._comparison import calibration, default_focus, method_order, pattern_leads, training_patterns
from redcore.report._payload import payload


@pytest.fixture(scope="module")
def records():
    return make_records(make_spec(n_seeds=5))


def without(records, method, data):
    return [one for one in records if (one.method_title, one.data_title) != (method, data)]


def test_leads_are_the_differences_of_compare_with_the_opposite_sign(records):
    own = leads(records, "m1", score="nll")
    others = {one.method: one.overall for one in compare(records, "m1", score="nll")}
    assert own.keys() == others.keys() == {"m0", "m2"}
    for name, one in own.items():
        assert [one.mean, one.low, one.high] == pytest.approx(
            [-others[name].mean, -others[name].high, -others[name].low]
        )


def test_a_method_on_few_blocks_does_not_reduce_the_ranking():
    spec = make_spec(data=("d0", "d1", "d2"), methods=("m0", "m1", "oracle"), n_seeds=2)
    records = without(without(make_records(spec), "oracle", "d0"), "oracle", "d1")
    ranking = rank_methods(records, score="nll")
    assert (sorted(ranking.methods), ranking.test.n_blocks) == (["m0", "m1"], 6)
    assert mean_ranks(summarise(records, score="nll")).keys() == {"m0", "m1"}
    assert method_order(records)[-1] == "oracle"


def test_the_default_focus_has_the_best_mean_rank(records):
    assert default_focus(records) == "m0"


def test_leads_by_pattern_are_those_of_the_data_set(records):
    shown = pattern_leads(records, "m0")
    own = [one for one in records if one.data_title == "d1"]
    assert shown["d1"]["text"] == leads(own, "m0", score="nll", over=("text",))
    assert len(shown["d0"]) == 7


def test_training_patterns_are_means_over_runs():
    records = make_records(make_spec(data=("d0",), methods=("m0", "m1"), n_seeds=2, rates=((0.5,),)))
    counts = [{"audio": 10}, {"audio": 20, "text": 4}]
    records = [one.model_copy(update={"pattern_counts": {"train": counts[one.seed]}}) for one in records]
    assert list(training_patterns(records).values()) == [{"audio": 15.0, "text": 2.0}]


def test_records_without_predictions_have_no_calibration(records):
    assert calibration(records) == {}


def test_the_page_embeds_the_split_of_each_run(records):
    changed = [one.model_copy(update={"split_checksum": str(one.seed)}) for one in records]
    packed = payload(changed, "title")["records"]
    assert len({one["split"] for one in packed}) == 5
    assert {one["ratio"] for one in packed} == {0.25}
    assert np.isclose(packed[0]["ratio"], 20 / 80)
