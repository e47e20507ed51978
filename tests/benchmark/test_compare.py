"""Paired comparison, compared with values computed by hand."""

import numpy as np
import pytest
from scipy.stats import wilcoxon

from redcore.benchmark import Record, Spec, compare
from redcore.exceptions import UnknownNameError

METHODS = {"prior": 0.0, "late_fusion": 0.1, "redcore": 0.2}


def records(n_data=6, n_seeds=4, noise=0.0, drop=()):
    spec = Spec.checked(
        {
            "title": "x",
            "data": [{"name": f"d{k}"} for k in range(n_data)],
            "protocol": [{"name": "shared", "rates": [0.5]}],
            "method": [{"name": name} for name in METHODS],
            "n_seeds": n_seeds,
        }
    )
    rng = np.random.default_rng(0)
    hardness = rng.random((n_data, n_seeds))
    for cell in spec.cells():
        place = int(cell.data.name[1:])
        score = hardness[place, cell.seed] + METHODS[cell.method.name] * (1 + place) + noise * rng.standard_normal()
        if (cell.method.name, cell.seed) not in drop:
            metrics = {"per_pattern": {"a": {"macro_f1": score}}, "pooled": {}}
            yield Record(key=cell.key(), cell=cell, status="done", metrics=metrics, seconds={"fit": 1.0})


def bounds(interval):
    return interval.mean, interval.low, interval.high


def test_pairing_removes_common_effects_of_cells():
    best, second = compare(list(records()), "prior")
    assert (best.method, second.method) == ("redcore", "late_fusion")
    for place in range(6):
        assert bounds(second.by_data[f"d{place}"]) == pytest.approx((0.1 * (1 + place),) * 3)
    assert bounds(second.overall) == pytest.approx((0.35,) * 3)
    assert (second.wins, second.losses) == (6, 0)
    expected = wilcoxon(0.1 * np.arange(1, 7)).pvalue
    assert second.p_value == pytest.approx(expected)
    # Holm's correction for two methods with equal p-values
    assert second.adjusted == best.adjusted == pytest.approx(2 * expected)


def test_the_interval_covers_the_difference():
    differences = compare(list(records(n_seeds=20, noise=0.1)), "late_fusion")
    redcore = next(difference for difference in differences if difference.method == "redcore")
    assert redcore.overall.low < 0.35 < redcore.overall.high
    assert redcore.overall.high - redcore.overall.low < 0.1


def test_only_common_cells_are_compared():
    dropped = list(records(drop={("redcore", 1), ("prior", 2)}))
    redcore = next(one for one in compare(dropped, "prior") if one.method == "redcore")
    assert redcore.by_data["d1"].mean == pytest.approx(0.4)


def test_few_blocks_have_no_p_value():
    assert compare(list(records(n_data=3)), "prior")[0].p_value is None


def test_protocols_of_one_data_set_are_not_independent_data_sets():
    spec = Spec.checked(
        {
            "title": "x",
            "data": [{"name": "d"}],
            "protocol": [{"name": "shared", "rates": [rate / 10]} for rate in range(8)],
            "method": [{"name": "prior"}, {"name": "redcore"}],
            "n_seeds": 3,
        }
    )
    both = []
    for cell in spec.cells():
        # the difference has the same noise under all protocols
        score = {"macro_f1": (cell.method.name == "redcore") * (0.5 + 0.1 * cell.seed)}
        metrics = {"per_pattern": {"a": score}, "pooled": score}
        both.append(Record(key=cell.key(), cell=cell, status="done", metrics=metrics, seconds={"fit": 1.0}))
    (difference,) = compare(both, "prior")
    assert difference.p_value is None
    assert (difference.wins, difference.losses) == (8, 0)
    half = 4.303 * 0.1 / np.sqrt(3)
    assert bounds(difference.overall) == pytest.approx((0.6, 0.6 - half, 0.6 + half), abs=1e-4)


def test_a_lower_loss_is_a_positive_difference():
    spec = next(records()).cell
    pair = []
    for method, loss in (("prior", 0.9), ("redcore", 0.4)):
        cell = spec.model_copy(update={"method": spec.method.model_copy(update={"name": method})})
        scores = {"nll": loss, "macro_f1": 0.5}
        pair.append(
            Record(key=method, cell=cell, status="done", metrics={"per_pattern": {"a": scores}, "pooled": scores})
        )
    (difference,) = compare(pair, "prior", score="proper")
    assert difference.overall.mean == pytest.approx(0.5)
    assert np.isnan(difference.overall.low)
    assert difference.bayes.better > difference.bayes.equivalent > difference.bayes.worse


def test_unknown_base_method():
    with pytest.raises(UnknownNameError, match="unknown method 'nosuch'"):
        compare(list(records()), "nosuch")
