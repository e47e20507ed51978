"""Means, intervals and mean ranks, compared with values computed by hand."""

import numpy as np
import pytest

from redcore.benchmark import Record, Spec, mean_ranks, pattern_mean, summarise

SPEC = Spec.checked(
    {
        "title": "x",
        "data": [{"name": "d"}, {"name": "e"}],
        "protocol": [{"name": "shared", "rates": [0.5]}],
        "method": [{"name": "redcore"}, {"name": "prior"}],
        "n_seeds": 3,
    }
)
SCORES = {("d", "redcore"): [0.8, 0.9, 1.0], ("d", "prior"): [0.1, 0.1, 0.1], ("e", "redcore"): [0.3] * 3}


def records():
    for cell in SPEC.cells():
        values = SCORES.get((cell.data.title(), cell.method.title()))
        if values is None:
            yield Record(key=cell.key(), cell=cell, status="failed", error="no")
            continue
        patterns = {"a": {"macro_f1": values[cell.seed] - 0.05}, "b": {"macro_f1": values[cell.seed] + 0.05}, "c": {}}
        metrics = {"per_pattern": patterns, "pooled": {"nll": 0.5}}
        yield Record(key=cell.key(), cell=cell, status="done", metrics=metrics, seconds={"fit": 2.0})


def test_entries():
    entries = {(entry.data, entry.method): entry for entry in summarise(list(records()))}
    assert set(entries) == set(SCORES)
    for key, entry in entries.items():
        assert entry.mean == pytest.approx(np.mean(SCORES[key]))
        assert entry.low <= entry.mean <= entry.high
        assert (entry.n_seeds, entry.nll, entry.fit_seconds) == (3, 0.5, 2.0)
    assert entries["d", "prior"].low == entries["d", "prior"].high == pytest.approx(0.1)
    wide = entries["d", "redcore"]
    # 1 of 27 resamples has three times the smallest (largest) seed, which determines the bounds of the interval
    assert (wide.low, wide.high) == (pytest.approx(0.8), pytest.approx(1.0))


def test_ranks_use_the_data_sets_of_all_methods():
    assert mean_ranks(summarise(list(records()))) == {"redcore": 1.0, "prior": 2.0}
    assert mean_ranks([entry for entry in summarise(list(records())) if entry.data == "e"]) == {"redcore": 1.0}


def test_r2_for_regression():
    cell = next(SPEC.cells())
    record = Record(key="k", cell=cell, status="done", metrics={"per_pattern": {"a": {"r2": 0.25}, "b": {"r2": None}}})
    assert pattern_mean(record) == 0.25
