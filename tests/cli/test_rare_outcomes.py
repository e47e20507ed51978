"""Rare outcomes on the command line: splits, details and thresholds."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def rare(make_npz):
    rng = np.random.default_rng(0)
    labels = (rng.random(400) < 0.1).astype(int)
    return make_npz(
        "binary",
        x_audio=rng.normal(size=(400, 3)) + labels[:, None],
        x_text=rng.normal(size=(400, 4)) + labels[:, None],
        y=labels,
        has_text=None,
    )


def fit(cli, data, out, *options):
    result = cli("fit", data, "--out", out, "--method", "late_fusion", *options)
    assert result.status == 0, result.err
    return result


def test_table_page_and_metrics_have_scores_per_class_and_intervals(cli, rare, tmp_path):
    result = fit(cli, rare, tmp_path / "run")
    for text in ("by class, as observed", "recall", "AUROC: ", "95% interval", "80 samples"):
        assert text in result.out
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    confusion = np.array(metrics["details"]["confusion"])
    assert confusion.sum() == 80
    low, high = metrics["details"]["intervals"]["auroc"]
    assert low <= metrics["as_observed"]["auroc"] <= high
    page = (tmp_path / "run/report.html").read_text()
    assert "Scores by class" in page
    assert "Number of samples by true class" in page


def test_few_samples_of_a_class_and_many_patterns_without_it_are_noted(cli, make_npz, tmp_path):
    rng, rows = np.random.default_rng(0), np.arange(100)
    names = ("audio", "text", "video", "ecg")
    values = {f"x_{name}": rng.normal(size=(100, 2)) for name in names}
    # the only positive test sample, the row 7, observes audio only
    observed = {f"has_{name}": rows != 7 for name in names[1:]}
    labels, split = np.isin(rows, [7, *range(50, 60)]).astype(int), np.where(rows < 20, 2, 0)
    result = fit(cli, make_npz("binary", **values, **observed, y=labels, split=split), tmp_path / "run")
    assert "note: classes with fewer than 10 samples here: pos (1). Their scores" in result.err
    assert "note: text: class pos absent from its 19 test samples" in result.err
    assert result.err.count("absent from its") == 5
    assert "note: ... and 9 more patterns; --json lists all of them" in result.err


def predictions(path):
    table = pq.read_table(path)
    return table["prediction"].to_pylist(), table["probability_pos"].to_numpy()


def test_a_threshold_is_saved_with_the_model_and_can_be_changed(cli, rare, tmp_path):
    fit(cli, rare, tmp_path / "run", "--threshold", "0.05")
    assert json.loads((tmp_path / "run/run.json").read_text())["threshold"] == 0.05
    for options, threshold in (((), 0.05), (("--threshold", "0.3"), 0.3)):
        assert cli("predict", tmp_path / "run", rare, "--out", tmp_path / "p.parquet", *options).status == 0
        predicted, probability = predictions(tmp_path / "p.parquet")
        assert predicted == np.where(probability >= threshold, "pos", "neg").tolist()
    recalls = []
    for threshold in ("0", "0.05", "0.9"):
        result = cli("evaluate", tmp_path / "run", rare, "--threshold", threshold, "--json")
        content = json.loads(result.out)
        assert content["threshold"] == float(threshold)
        recalls.append(content["metrics"]["details"]["per_class"][1]["recall"])
    assert recalls[0] == 1 > recalls[2]


@pytest.mark.parametrize("rule", ["f1", "cost=20"])
def test_a_threshold_is_chosen_on_a_validation_split(cli, rare, tmp_path, rule):
    fit(cli, rare, tmp_path / "run", "--threshold", rule)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert 0 < record["threshold"] < 1
    assert record["n_samples"] == {"train": 256, "validation": 64, "test": 80}


@pytest.mark.parametrize("rule", ["f2", "cost=0", "cost", "1.5", "nan", "f1=3"])
def test_an_unknown_rule_is_rejected(cli, rare, tmp_path, rule):
    result = cli("fit", rare, "--out", tmp_path / "run", "--threshold", rule)
    assert result.status == 2
    assert f"threshold '{rule}': expected a number in [0, 1], 'f1' or 'cost=N'" in result.err
    assert not (tmp_path / "run").exists()


def test_a_threshold_needs_two_classes(cli, make_npz, linear_run, tmp_path):
    for arguments in (
        ("fit", make_npz(), "--out", tmp_path / "run", "--threshold", "0.5"),
        ("evaluate", linear_run, linear_run.parent / "data.npz", "--threshold", "0.5"),
        ("predict", linear_run, linear_run.parent / "data.npz", "--out", tmp_path / "p.csv", "--threshold", "0.5"),
    ):
        result = cli(*arguments)
        assert result.status == 2
        assert "expected a target with two classes, got multiclass" in result.err
