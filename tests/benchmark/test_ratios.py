"""The comparison of speed ratios with a kept baseline in benchmarks/ratios.py."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def ratios(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = importlib.import_module("ratios")
    yield script
    for name in ("ratios", "baselines", "timing"):
        sys.modules.pop(name, None)


@pytest.fixture
def run(ratios, monkeypatch, tmp_path, capsys):
    """Run the script with a baseline of 1.0 and the given medians of the paths "quick" and "slow" per attempt."""

    def call(option, quick, slow):
        attempts = {"quick": iter(quick), "slow": iter(slow)}

        def measure(name):
            return lambda n: ratios.Pairs([1.0] * n, [next(attempts[name])] * n)

        monkeypatch.setattr(ratios, "MEASURES", {name: ratios.Measure(measure(name), None) for name in attempts})
        baseline = tmp_path / "baseline.json"
        baseline.write_text(json.dumps({"machine": "", "ratios": {name: [1.0, 0.9, 1.1] for name in attempts}}))
        monkeypatch.setattr(sys, "argv", ["ratios.py", "--pairs", "3", option, str(baseline)])
        status = ratios.main()
        return status, [line for line in capsys.readouterr().out.splitlines() if line.startswith("REGRESSION")]

    return call


def test_a_path_of_twice_the_time_is_named(run):
    status, lines = run("--check", [1.0], [0.5, 0.5, 0.5])
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith("REGRESSION slow: 0.50")


def test_wide_bounds_need_three_slow_measurements(run):
    assert run("--check", [0.61], [0.3, 0.4, 0.65]) == (0, [])


def test_the_exact_comparison_needs_a_ratio_outside_of_the_kept_spread(run):
    assert run("--compare", [0.9], [0.95]) == (0, [])
    status, lines = run("--compare", [0.95], [0.85])
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("REGRESSION slow: 0.85")


def test_the_kept_baseline_has_all_ratios(ratios, tmp_path):
    kept = ratios.kept_ratios(BENCHMARKS / "baseline.json", list(ratios.MEASURES))
    assert all(0 < smallest <= median <= largest for median, smallest, largest in kept.values())
    with pytest.raises(SystemExit, match="no such file"):
        ratios.kept_ratios(tmp_path / "none.json", [])
    with pytest.raises(SystemExit, match="no ratio of 'unknown'"):
        ratios.kept_ratios(BENCHMARKS / "baseline.json", ["unknown"])
