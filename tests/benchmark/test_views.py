"""Statistics of records, compared with values computed by hand."""

import numpy as np
import pytest

from redcore.benchmark import (
    Record,
    Spec,
    best_single_modality,
    conflicts,
    degradation_curves,
    imbalance_gaps,
    learning_balance,
    modality_equity,
    pairwise,
    pattern_table,
    rank_methods,
    score_names,
    score_of,
    settling,
    summarise,
    trace_stability,
    worst_pattern,
)

PROTOCOLS = [
    {"name": "shared", "rates": [0.0]},
    {"name": "shared", "rates": [0.5]},
    {"name": "imbalanced", "rates": [0.2, 0.8]},
]


def spec(**changes):
    content = {
        "title": "x",
        "data": [{"name": "d"}],
        "protocol": PROTOCOLS,
        "method": [{"name": "redcore"}, {"name": "prior"}],
        "n_seeds": 2,
    }
    return Spec.checked({**content, **changes})


def record(cell, value, **more):
    """Return a finished record with score `value` for modality a, half of it for b, and `value` for both."""
    patterns = {"a": {"macro_f1": value}, "b": {"macro_f1": value / 2}, "a+b": {"macro_f1": value}}
    metrics = {"per_pattern": patterns, "pooled": {"macro_f1": value, "ece": 1 - value}, "as_observed": {"uar": value}}
    rates = cell.protocol.for_split("train").rates_of(("a", "b"))
    content = {"missing_rates": {"train": rates}, "seconds": {"fit": 1.0}, "metrics": metrics, **more}
    return Record(key=cell.key(), cell=cell, status="done", **content)


VALUES = {"shared 0": 0.9, "shared 0.5": 0.7, "imbalanced 0.2/0.8": 0.6}


@pytest.fixture
def records():
    return [record(c, VALUES[c.protocol.title()] - 0.1 * (c.method.name == "prior")) for c in spec().cells()]


def test_scores(records):
    first = records[0]
    assert score_of(first) == pytest.approx((0.9 + 0.45 + 0.9) / 3)
    assert score_of(first, "ece", "pooled") == pytest.approx(0.1)
    assert score_of(first, "uar", "as_observed") == pytest.approx(0.9)
    assert np.isnan(score_of(first, "acc7"))
    assert score_names(records) == ["macro_f1", "ece"]
    assert summarise(records, score="uar", over="as_observed")[0].mean in VALUES.values()
    assert summarise(records, score="acc7") == []


def test_degradation(records):
    curve = next(curve for curve in degradation_curves(records, over="pooled") if curve.method == "redcore")
    assert curve.rates == (0.0, 0.5)
    assert curve.means == pytest.approx((0.9, 0.7))
    assert curve.area == pytest.approx(0.8)


def test_imbalance_gap_at_the_same_mean_rate(records):
    gaps = {gap.method: gap for gap in imbalance_gaps(records, over="pooled")}
    assert set(gaps) == {"redcore", "prior"}
    gap = gaps["redcore"]
    assert (gap.mean_rate, gap.shared, gap.imbalanced) == (0.5, pytest.approx(0.7), pytest.approx(0.6))
    assert (gap.gap, gap.low, gap.high) == (pytest.approx(0.1),) * 3


def test_patterns(records):
    first = records[0]
    assert worst_pattern(first) == ("b", 0.45)
    assert pattern_table(records)["d"]["redcore"]["a"] == pytest.approx(np.mean(list(VALUES.values())))
    assert modality_equity(first) == pytest.approx(0.45 / 0.675)
    # division by the best scores removes the difference between the modalities
    assert modality_equity(first, {"a": 0.9, "b": 0.45}) == pytest.approx(1)
    assert modality_equity(first, {"a": 0.9}) is None
    assert best_single_modality(records)["d"]["a"] == pytest.approx(np.mean(list(VALUES.values())))


def test_ranks_and_pairs(records):
    ranking = rank_methods(records)
    assert ranking.methods == ("redcore", "prior")
    assert ranking.mean_ranks == (1.0, 2.0)
    assert ranking.test.n_blocks == 3
    (pair,) = pairwise(records, over="pooled")
    assert (pair.method, pair.other, pair.n_blocks, pair.p_value) == ("prior", "redcore", 3, None)
    assert pair.difference == pytest.approx(-0.1)
    # a lower calibration error is better
    assert rank_methods(records, score="ece", over="pooled").methods[0] == "redcore"
    assert rank_methods([]) is None


def test_learning_balance():
    cell = next(spec().cells())
    one = {"gradient_norm/a": [1.0, 2.0, 0.0], "gradient_norm/b": [1.0, 2.0, 0.0]}
    assert learning_balance(record(cell, 0.5, history=one)) == pytest.approx(1)
    assert learning_balance(record(cell, 0.5, history={**one, "gradient_norm/b": [0.0] * 3})) == 0
    uneven = {"gradient_norm/a": [3.0], "gradient_norm/b": [1.0]}
    expected = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2)
    assert learning_balance(record(cell, 0.5, history=uneven)) == pytest.approx(expected)
    assert learning_balance(record(cell, 0.5)) is None


def test_stability_of_traces():
    cells = list(spec(protocol=PROTOCOLS[:1], method=[{"name": "redcore"}]).cells())
    rising = {"supervision_weight/a": [0.0] * 5 + [1.0] * 5, "supervision_weight/b": [0.5] * 10}
    lower = {"supervision_weight/a": [0.8] * 10, "supervision_weight/b": [0.5] * 10}
    (stability,) = trace_stability([record(c, 0.5, history=h) for c, h in zip(cells, (rising, lower), strict=True)])
    assert stability.means == pytest.approx({"a": 0.9, "b": 0.5})
    assert stability.deviations["a"] == pytest.approx(np.std([1.0, 0.8], ddof=1))
    assert stability.within == pytest.approx({"a": 0, "b": 0})
    assert stability.agreement == pytest.approx(1)
    assert stability.settled == pytest.approx(0.25)
    lower = {"supervision_weight/a": [0.3] * 10, "supervision_weight/b": [0.5] * 10}
    (stability,) = trace_stability([record(c, 0.5, history=h) for c, h in zip(cells, (rising, lower), strict=True)])
    assert stability.agreement == pytest.approx(0)


def test_settling():
    assert settling(np.ones((2, 10))) == 0
    assert settling(np.array([[0.0] * 3 + [1.0] * 7])) == pytest.approx(0.3)
    assert settling(np.array([[0.0, 1.0] * 5])) == 1


def test_different_masks_are_a_conflict(records):
    assert conflicts(records) == []
    odd = records[1].model_copy(update={"availability_checksums": {"train": "other"}})
    same = records[0].model_copy(update={"availability_checksums": {"train": "one"}})
    assert conflicts([same, odd, *records[2:]]) == ["d, shared 0, seed 0"]
    # a checksum that is missing in one record is no conflict
    sums = {"availability_checksums": {"train": "one", "test": "two"}, "split_checksum": "three"}
    more = same.model_copy(update=sums)
    assert conflicts([same, more]) == []
