"""Scores by the number of training samples of a missing pattern in benchmarks/novel_patterns.py."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from factories import load_script

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "novel_patterns.py"


@pytest.fixture(scope="module")
def novel():
    return load_script(SCRIPT)


def record(method, f1, counts, seed=0, data="data"):
    """Return a record with macro-F1 `f1` by pattern, log losses ``1 - f1``, and training samples by pattern."""
    return SimpleNamespace(
        status="done",
        method_title=method,
        data_title=data,
        protocol_title="protocol",
        seed=seed,
        fold=None,
        split_checksum=str(seed),
        n_samples={"train": 60, "validation": 15, "test": 25},
        pattern_counts={"train": counts, "validation": {"b": 1}, "test": {"c": 25}},
        metrics={"per_pattern": {name: {"argmax_macro_f1": value, "nll": 1 - value} for name, value in f1.items()}},
    )


def test_patterns_of_the_test_split_are_not_counted(novel):
    counts = novel.training_patterns(record("x", {}, {"a": 7, "b": 3}))
    assert [novel.group_of(counts[name]) for name in ("a", "b", "c")] == ["5 or more", "1 to 4", "0"]


def test_records_without_counts_or_scores_are_named(novel):
    one = record("x", {"a": 0.5}, {})
    one.key = "cell-0"
    with pytest.raises(SystemExit, match="cell-0: has no counts of training patterns"):
        novel.training_patterns(one)
    one.metrics["per_pattern"]["a"] = {"argmax_macro_f1": None, "nll": 1.0}
    with pytest.raises(SystemExit, match="cell-0: pattern 'a' has neither R2 nor"):
        novel.scores_of(one)
    with pytest.raises(SystemExit):
        novel.main(["folder", "--methods", "x"])


def test_leads_are_means_over_the_patterns_of_a_group(novel):
    runs = []
    for seed in range(2):
        first = record("x", {"a": 0.5, "b": 0.5, "c": 0.75, "d": 0.75 + 0.25 * seed}, {"a": 9}, seed)
        other = record("y", {"a": 0.25, "b": 0.5, "c": 0.5, "d": 0.5}, {"a": 9}, seed)
        runs.append(({"x": first, "y": other}, novel.training_patterns(first)))
    points, nats = novel.leads(runs, ["x", "y"], "0")["y"]
    assert (points.mean, nats.mean, points.n_runs) == (pytest.approx(31.25), pytest.approx(0.3125), 2)
    assert novel.leads(runs, ["x", "y"], "5 or more")["y"][0].mean == pytest.approx(25)


def test_the_cost_of_novelty_compares_equal_patterns_after_the_mean_of_a_run(novel):
    runs = []
    for seed, (scores, counts) in enumerate(
        [({"a": 0.4, "c": 0.2}, {"a": 9}), ({"a": 0.8, "c": 0.8}, {"a": 9, "c": 2})]
    ):
        one = record("x", scores, counts, seed)
        runs.append(({"x": one}, novel.training_patterns(one)))
    # c is 0.1 below the mean of the run in which it is novel, and equal to the mean of the other run
    assert novel.costs_of_novelty(runs, "x") == pytest.approx(np.array([[-10.0, -0.1]]))


def test_only_runs_of_all_methods_are_used(novel, monkeypatch, capsys):
    scores = {"a": 0.5, "c": 0.5}
    records = [record("x", scores, {"a": 9}), record("y", scores, {"a": 9}), record("x", scores, {"a": 9}, seed=1)]
    assert [run["x"].seed for run in novel.complete_runs(records, ["x", "y"], [])] == [0]
    assert novel.complete_runs(records, ["x", "y"], ["other"]) == []
    monkeypatch.setattr(novel, "read_records", lambda path: records)
    assert novel.main(["folder", "--methods", "x", "y"]) == 0
    assert "| data | 0 | 1.0 | y | +0.0 | +0.000 |" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no run has finished records of all methods: x, z"):
        novel.main(["folder", "--methods", "x", "z"])
