import contextlib
import io
import json
import re
from itertools import combinations

import numpy as np
import pytest

from redcore.cli import main
from redcore.cli.demo import METHODS, RATES
from redcore.datasets import load_dataset
from redcore.export import load_model

PATTERNS = ["+".join(pattern) for size in range(1, 5) for pattern in combinations(sorted(RATES), size)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo once in a folder with an earlier run, and return (folder, stdout, stderr)."""
    folder, out, err = tmp_path_factory.mktemp("demo"), io.StringIO(), io.StringIO()
    (folder / "runs" / "demo").mkdir(parents=True)
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(["demo"]) == 0, err.getvalue()
    return folder, out.getvalue(), err.getvalue()


@pytest.fixture
def comparison(demo):
    return json.loads((demo[0] / "runs" / "demo-2" / "comparison.json").read_text(encoding="utf-8"))


def means(comparison, all_patterns):
    return {
        method: np.mean(
            [entry["macro_f1"] for name, entry in report["per_pattern"].items() if all_patterns or "+" not in name]
        )
        for method, report in comparison.items()
    }


def test_the_next_free_folder_is_taken(demo):
    folder, out, _ = demo
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["demo", "demo-2"]
    assert not list((folder / "runs" / "demo").iterdir())
    assert "Run folder: runs/demo-2 " in out


def test_every_method_is_scored_under_every_pattern(comparison):
    assert list(comparison) == list(METHODS) == ["stacked", "redcore", "zero_fill", "late_fusion"]
    for report in comparison.values():
        assert list(report["per_pattern"]) == PATTERNS
        assert len(PATTERNS) == 15
        assert {entry["n_samples"] for entry in report["per_pattern"].values()} == {450}
        assert report["pooled"]["n_samples"] == 15 * 450
        assert min(entry["macro_f1"] for entry in report["per_pattern"].values()) > 0.5


def test_the_table_shows_the_numbers(demo, comparison):
    lines = demo[1].splitlines()
    for pattern in PATTERNS:
        (line,) = [line for line in lines if f" {pattern} " in line]
        shown = re.findall(r"\d\.\d{3}", line)
        assert shown == [f"{comparison[method]['per_pattern'][pattern]['macro_f1']:.3f}" for method in METHODS]


def test_the_conclusion_agrees_with_the_scores(demo, comparison):
    (sentence,) = [line for line in demo[1].splitlines() if line.startswith("Result: ")]
    overall, singles = means(comparison, all_patterns=True), means(comparison, all_patterns=False)
    ranking = sorted(overall, key=overall.get, reverse=True)
    assert "all 15 missing patterns" in sentence
    assert ", ".join(f"{method} {overall[method]:.3f}" for method in ranking) in sentence
    best = max(singles, key=singles.get)
    assert f"with a single modality, {best} is best at {singles[best]:.3f}" in sentence
    if best != "stacked":
        assert f"(stacked {singles['stacked']:.3f})" in sentence


def test_the_run_folder_holds_the_redcore_run(demo, comparison):
    run = demo[0] / "runs" / "demo-2"
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics.pop("part") == "test"
    assert metrics == comparison["stacked"]
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert record["request"]["missing_rates"] == RATES
    assert record["realised_missing_rates"]["train"] == pytest.approx(RATES, abs=0.5 / 1077 + 1e-12)
    test = load_dataset("digits").part("test")
    accuracy = (load_model(run).predict(test).argmax(axis=1) == test.target.values).mean()
    assert accuracy == pytest.approx(metrics["as_observed"]["accuracy"])


def test_the_run_can_be_evaluated_and_used(demo, cli, tmp_path):
    run = demo[0] / "runs" / "demo-2"
    metrics = cli("evaluate", run, "digits", "--json").json["metrics"]
    assert metrics["pooled"] == json.loads((run / "metrics.json").read_text(encoding="utf-8"))["pooled"]
    assert cli("predict", run, "digits", "--out", tmp_path / "digits.csv").status == 0


def test_messages_are_no_result(demo):
    _, out, error = demo
    assert "missing in training: fourier 0.2, gradients 0.5, pixels 0.8, profiles 0.5" in error
    assert "missing in training" not in out
