"""Means, intervals and mean ranks, compared with values computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from redcore.benchmark import (
    Record,
    Spec,
    few_runs,
    mean_ranks,
    named_score,
    pattern_mean,
    pattern_problems,
    score_of,
    summarise,
)

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
    assert (entries["d", "prior"].low, entries["d", "prior"].high) == (pytest.approx(0.1), pytest.approx(0.1))
    wide = entries["d", "redcore"]
    # the standard deviation is 0.1, and t(0.975) with two degrees of freedom is 4.303
    half = 4.303 * 0.1 / np.sqrt(3)
    assert (wide.low, wide.high) == (pytest.approx(0.9 - half, abs=1e-4), pytest.approx(0.9 + half, abs=1e-4))
    assert (wide.basis, wide.score) == ("runs", "macro_f1")


def test_ranks_use_the_data_sets_of_all_methods():
    assert mean_ranks(summarise(list(records()))) == {"redcore": 1.0, "prior": 2.0}
    assert mean_ranks([entry for entry in summarise(list(records())) if entry.data == "e"]) == {"redcore": 1.0}


def test_a_single_run_has_no_interval():
    (entry,) = summarise([next(records())])
    assert np.isnan([entry.low, entry.high]).all()
    assert (entry.n_seeds, entry.basis) == (1, "none")


def test_warnings_name_few_runs_and_missing_test_noise():
    entries = summarise(list(records()))
    assert "3 of 3 rows have fewer than 5 runs" in few_runs(entries)
    assert "not of the test samples" in few_runs(entries)
    enough = [replace(entry, n_seeds=5, basis="samples") for entry in entries]
    assert few_runs(enough) is None


def test_patterns_without_scores_are_named():
    cell, other = list(SPEC.cells())[:2]
    patterns = {"a": {"macro_f1": 0.5, "n_samples": 9}, "a+b": {"n_samples": 0}}
    metrics = {"per_pattern": patterns, "pooled": {}, "problems": {"a": "class x absent from its 9 test samples"}}
    one = Record(key="k", cell=cell, status="done", metrics=metrics)
    assert pattern_problems([one]) == [
        "d, a: class x absent from its 9 test samples",
        "d, a+b: no test sample observes all of its modalities",
    ]
    full = {"per_pattern": {"a": {"macro_f1": 0.5, "n_samples": 9}}, "pooled": {}}
    later = Record(key="l", cell=other.model_copy(update={"seed": 1}), status="done", metrics=full)
    assert pattern_problems([one, later])[0] == "d, a: class x absent from its 9 test samples (1 of 2 runs)"


@pytest.mark.parametrize(
    ("scores", "names"),
    [
        ({"macro_f1": 0.5, "nll": 1.0, "argmax_macro_f1": 0.4}, ("macro_f1", "nll", "argmax_macro_f1")),
        ({"r2": 0.5, "mae": 1.0}, ("r2", "r2", "r2")),
        ({"macro_f1": 0.5, "exact_match": 0.2}, ("macro_f1", "macro_f1", "macro_f1")),
    ],
)
def test_headline_scores_by_kind_of_target(scores, names):
    record = Record(
        key="k", cell=next(SPEC.cells()), status="done", metrics={"per_pattern": {"a": scores}, "pooled": scores}
    )
    assert tuple(named_score(record, score) for score in (None, "proper", "argmax")) == names
    assert score_of(record, "proper") == scores[names[1]]


def test_the_best_entry_is_first_also_for_losses():
    values = {"redcore": 0.4, "prior": 0.9}
    scored = []
    for cell in SPEC.cells():
        loss = {"nll": values[cell.method.name], "macro_f1": 0.5}
        metrics = {"per_pattern": {"a": loss}, "pooled": loss}
        scored.append(Record(key=cell.key(), cell=cell, status="done", metrics=metrics, seconds={"fit": 1.0}))
    entries = [entry for entry in summarise(scored, score="proper") if entry.data == "d"]
    assert [entry.method for entry in entries] == ["redcore", "prior"]
    assert mean_ranks(entries) == {"redcore": 1.0, "prior": 2.0}


def test_r2_for_regression():
    cell = next(SPEC.cells())
    record = Record(key="k", cell=cell, status="done", metrics={"per_pattern": {"a": {"r2": 0.25}, "b": {"r2": None}}})
    assert pattern_mean(record) == 0.25
