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


def test_pairing_removes_common_effects_of_cells():
    best, second = compare(list(records()), "prior")
    assert (best.method, second.method) == ("redcore", "late_fusion")
    for place in range(6):
        assert second.by_data[f"d{place}"] == pytest.approx((0.1 * (1 + place),) * 3)
    assert (second.mean, second.low, second.high) == pytest.approx((0.35,) * 3)
    assert (second.wins, second.losses) == (6, 0)
    expected = wilcoxon(0.1 * np.arange(1, 7)).pvalue
    assert second.p_value == pytest.approx(expected)
    # Holm's correction for two methods with equal p-values
    assert second.adjusted == best.adjusted == pytest.approx(2 * expected)


def test_the_interval_covers_the_difference():
    differences = compare(list(records(n_seeds=20, noise=0.1)), "late_fusion")
    redcore = next(difference for difference in differences if difference.method == "redcore")
    assert redcore.low < 0.35 < redcore.high
    assert redcore.high - redcore.low < 0.1


def test_only_common_cells_are_compared():
    dropped = list(records(drop={("redcore", 1), ("prior", 2)}))
    redcore = next(one for one in compare(dropped, "prior") if one.method == "redcore")
    assert redcore.by_data["d1"][0] == pytest.approx(0.4)


def test_few_blocks_have_no_p_value():
    assert compare(list(records(n_data=3)), "prior")[0].p_value is None


def test_unknown_base_method():
    with pytest.raises(UnknownNameError, match="unknown method 'nosuch'"):
        compare(list(records()), "nosuch")
