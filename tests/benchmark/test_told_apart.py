"""The best method of a block, and what is not told apart from it."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from record_factory import make_records, make_spec
from redcore.benchmark import best_methods, score_of


@pytest.mark.parametrize("score", [None, "nll"])
def test_as_paired_t_tests_say(score):
    records = make_records(make_spec(methods=tuple("abcdef"), n_seeds=4), seed=3)
    found = best_methods(records, score=score)
    assert len(found) == 4
    for (data, protocol), (best, near) in found.items():
        values = {}
        for record in records:
            cell = record.cell
            if (cell.data.title(), cell.protocol.title()) == (data, protocol):
                values.setdefault(cell.method.title(), []).append(score_of(record, score))
        means = {method: np.mean(own) for method, own in values.items()}
        assert best == (min if score else max)(means, key=means.get)
        expected = {m for m, own in values.items() if m != best and ttest_rel(own, values[best]).pvalue >= 0.05}
        assert near == expected


def test_a_single_seed_tells_nothing():
    assert all(not near for _, near in best_methods(make_records(make_spec(n_seeds=1))).values())


def test_only_seeds_that_both_have_are_paired():
    spec = make_spec(data=("d",), methods=("a", "b"), n_seeds=3, rates=((0.5,),))
    one_seed_each = [r for r in make_records(spec) if (r.cell.seed == 0) == (r.cell.method.label == "a")]
    assert best_methods(one_seed_each)["d", "shared 0.5"][1] == frozenset()
