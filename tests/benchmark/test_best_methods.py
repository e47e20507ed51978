"""Best method per block, and the methods that do not differ significantly from it."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from record_factory import make_records, make_spec
from redcore.benchmark import best_methods, score_of


@pytest.mark.parametrize("score", [None, "nll"])
def test_agreement_with_paired_t_tests(score):
    records = make_records(make_spec(methods=tuple("abcdef"), n_seeds=4), seed=3)
    best_of_blocks = best_methods(records, score=score)
    assert len(best_of_blocks) == 4
    for (data, protocol), (best, ties) in best_of_blocks.items():
        values = {}
        for record in records:
            cell = record.cell
            if (cell.data.title(), cell.protocol.title()) == (data, protocol):
                values.setdefault(cell.method.title(), []).append(score_of(record, score))
        means = {method: np.mean(own) for method, own in values.items()}
        assert best == (min if score else max)(means, key=means.get)
        expected = {m for m, own in values.items() if m != best and ttest_rel(own, values[best]).pvalue >= 0.05}
        assert ties == expected


def test_a_single_seed_gives_no_ties():
    assert all(not ties for _, ties in best_methods(make_records(make_spec(n_seeds=1))).values())


def test_only_common_seeds_are_paired():
    spec = make_spec(data=("d",), methods=("a", "b"), n_seeds=3, rates=((0.5,),))
    one_seed_each = [r for r in make_records(spec) if (r.cell.seed == 0) == (r.cell.method.label == "a")]
    assert best_methods(one_seed_each)["d", "shared 0.5"][1] == frozenset()
