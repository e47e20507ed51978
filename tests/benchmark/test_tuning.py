"""Tuned methods of a benchmark: equal budgets, folds of the training split only, resumed studies, separate tables."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from factories import make_data
from record_factory import make_records
from redcore.benchmark import Spec, by_tuning, read_records, read_spec, run, tuning_warnings
from redcore.benchmark._splits import prepare
from redcore.cli._bench_tables import print_tables
from redcore.exceptions import RunError, SettingsError
from redcore.report import latex_tables, markdown_tables
from redcore.tuning import Task

METHODS = [
    {"name": "late_fusion", "settings": {"alpha": 3.0, "C": 0.5}, "searched": ["C"], "tuned": "both"},
    {"name": "knn_fill", "tuned": True},
]


def spec(**changes) -> Spec:
    content = {
        "title": "small",
        "data": [{"name": "small.npz"}],
        "protocol": [{"name": "imbalanced", "rates": [0.2, 0.5]}],
        "method": METHODS,
        "tuning": {"n_trials": 6, "n_folds": 2},
    }
    return Spec.checked({**content, **changes})


def write_data(folder, offset=0.0):
    """Write a file with a test split, whose values are shifted and labels permuted by `offset`."""
    rng = np.random.default_rng(0)
    codes, part = np.arange(90) % 3, np.where(np.arange(90) < 60, 0, 2)
    values = {name: rng.normal(size=(90, 3)) + codes[:, None] + offset * (part == 2)[:, None] for name in ("a", "b")}
    codes = np.where(part == 2, (codes + int(offset)) % 3, codes)
    group = np.arange(90) // 3
    np.savez(folder / "small.npz", y=codes, split=part, group=group, **{f"x_{k}": v for k, v in values.items()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    run(spec(), out, data_folder=folder)
    return out


def by_title(out):
    return {record.method_title: record for record in read_records(out)}


def test_every_method_has_the_same_budget_and_starts_with_its_defaults(finished):
    records = by_title(finished)
    assert {record.status for record in records.values()} == {"done"}
    assert records["late_fusion"].tuning == {}
    tuned = [record for record in records.values() if record.tuning]
    assert [record.method_title for record in tuned] == ["knn_fill (tuned)", "late_fusion (tuned)"]
    for record in tuned:
        tuning = record.tuning
        assert tuning["spent"]["n_trials"] == len(tuning["trials"]) == 6
        assert tuning["spent"]["cpu_seconds"] == pytest.approx(sum(one["cpu_seconds"] for one in tuning["trials"]))
        assert {tuple(one["seeds"]) for one in tuning["trials"]} == {(0, 1)}
        assert set(record.cpu_seconds) == {"read", "tune", "fit", "predict"}
        complete = [one for one in tuning["trials"] if one["state"] == "complete"]
        assert tuning["score"] == min(one["score"] for one in complete) <= tuning["first_score"]
        assert tuning["settings"] == next(one for one in complete if one["score"] == tuning["score"])["settings"]
        assert record.settings.items() >= tuning["settings"].items()
        assert tuning["trials"][0]["score"] == tuning["first_score"]
    assert records["knn_fill (tuned)"].tuning["trials"][0]["settings"] == {"n_neighbours": 5}
    # the settings of the specification are fixed, except for those in `searched`
    late_fusion = records["late_fusion (tuned)"]
    assert late_fusion.tuning["trials"][0]["settings"] == {"C": 0.5}
    assert (late_fusion.tuning["fixed"], set(late_fusion.tuning["searched"])) == ({"alpha": 3.0}, {"C"})
    assert late_fusion.settings["alpha"] == 3.0


def test_folds_are_those_of_the_training_split_and_equal_for_all_methods(folder, tmp_path, monkeypatch):
    folds = {}
    score = Task.score

    def watched(self, settings, report):
        folds[self.method] = self.folds
        return score(self, settings, report)

    monkeypatch.setattr(Task, "score", watched)
    benchmark = spec(tuning={"n_trials": 1, "n_folds": 2})
    run(benchmark, tmp_path, data_folder=folder)
    cell = next(cell for cell in benchmark.cells() if cell.tuning)
    train = prepare(cell, folder).train
    for (one_train, one_held), (other_train, other_held) in zip(*folds.values(), strict=True):
        assert (one_train.checksum(), one_held.checksum()) == (other_train.checksum(), other_held.checksum())
        assert not set(one_train.groups) & set(one_held.groups)
        assert set(one_train.sample_ids) | set(one_held.sample_ids) == set(train.sample_ids)
        # the missing entries of training samples are those of the cell
        rows = [train.sample_ids.tolist().index(name) for name in one_train.sample_ids]
        assert one_train.checksum() == train.take(np.array(rows)).checksum()


def test_the_test_split_does_not_affect_the_tuning(finished, tmp_path):
    write_data(tmp_path, offset=1.0)
    run(spec(), tmp_path / "out", data_folder=tmp_path)
    before, after = by_title(finished), by_title(tmp_path / "out")
    assert before["knn_fill (tuned)"].metrics != after["knn_fill (tuned)"].metrics
    for title in ("knn_fill (tuned)", "late_fusion (tuned)"):
        assert before[title].result()["tuning"] == after[title].result()["tuning"]


def test_a_killed_search_repeats_no_finished_trial_and_gives_the_same_result(finished, folder, tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(spec().dump()))
    code = (
        "import json, sys, time; from pathlib import Path; from redcore.benchmark import Spec, run\n"
        "from redcore.tuning import Task\n"
        "score = Task.score\n"
        "def logged(self, settings, report):\n"
        "    with Path(sys.argv[4]).open('a') as log: log.write(f'{self.method} {sorted(settings.items())}\\n')\n"
        "    time.sleep(float(sys.argv[5]))\n"
        "    return score(self, settings, report)\n"
        "Task.score = logged\n"
        "benchmark = Spec.checked(json.loads(Path(sys.argv[1]).read_text()))\n"
        "run(benchmark, Path(sys.argv[2]), data_folder=Path(sys.argv[3]))\n"
    )
    (tmp_path / "go.py").write_text(code)
    log = tmp_path / "log"
    command = [sys.executable, *map(str, (tmp_path / "go.py", tmp_path / "spec.json", tmp_path / "out", folder, log))]
    process = subprocess.Popen([*command, "0.5"], start_new_session=True)
    deadline = time.monotonic() + 120
    while (not log.exists() or len(log.read_text().splitlines()) < 3) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    n_before = len(log.read_text().splitlines())
    assert n_before < 12
    subprocess.run([*command, "0"], check=True)
    runs = Counter(log.read_text().splitlines())
    # at most the trial that was running is repeated
    assert len(runs) == 12
    assert 12 <= runs.total() <= 13
    before, after = by_title(finished), by_title(tmp_path / "out")
    for title, record in before.items():
        assert record.result() == after[title].result()


def test_other_training_data_is_not_tuned_with_old_trials(finished, folder, tmp_path):
    run(spec(method=METHODS[1:]), tmp_path / "out", data_folder=folder)
    (record,) = read_records(tmp_path / "out")
    (tmp_path / "out" / "records" / f"{record.key}.json").unlink()
    data = make_data("multiclass", 60, holes=False)
    data = {f"x_{name}": data.modalities[name].values for name in ("audio", "text")}
    np.savez(tmp_path / "small.npz", y=np.arange(60) % 3, **data)
    run(spec(method=METHODS[1:]), tmp_path / "out", data_folder=tmp_path)
    (record,) = read_records(tmp_path / "out")
    assert "training_data was" in record.error


def test_once_per_data_uses_the_training_split_of_the_first_seed(folder, tmp_path):
    data = [{"name": "small.npz", "outer_split": "repeated"}]
    tuning = {"n_trials": 2, "n_folds": 2, "once_per": "data"}
    run(spec(data=data, tuning=tuning, method=METHODS[1:], n_seeds=2), tmp_path, data_folder=folder)
    records = read_records(tmp_path)
    assert [record.cell.seed for record in records] == [0, 1]
    assert records[0].tuning == records[1].tuning
    assert records[1].tuning["seed"] == 0
    assert len(list((tmp_path / "tuning").iterdir())) == 1
    assert [record.is_tuned_on_other_run for record in records] == [False, True]
    (warning,) = tuning_warnings(records)
    assert "may contain test samples" in warning


def test_keys_change_with_tuning_only():
    plain = next(spec(method=[{"name": "prior"}], tuning=None).cells())
    # a key of a version without tuning
    assert plain.key() == "small-imbalanced-0.2-0.5-prior-0-3d3d33a67eb7"
    tuned, other = (next(spec(method=METHODS[1:], tuning={"n_trials": n}).cells()) for n in (2, 3))
    assert tuned.key() != other.key()
    variants = {cell.method.title(): cell for cell in spec().cells()}
    untuned = spec(method=[{"name": "late_fusion", "settings": {"alpha": 3.0, "C": 0.5}}], tuning=None)
    assert variants["late_fusion"].key() == next(untuned.cells()).key()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tuning": None}, "'late_fusion \\(tuned\\)' is tuned: expected a budget in \\[tuning\\]"),
        ({"tuning": {"n_folds": 2}}, "expected a budget, n_trials or cpu_seconds"),
        ({"method": [{"name": "prior"}]}, "expected a method with tuned = true"),
        ({"method": [{"name": "knn_fill", "searched": ["C"]}]}, "searched is set: expected tuned"),
        ({"method": [{"name": "knn_fill", "tuned": True, "searched": ["C"]}]}, "searched names 'C': expected one of"),
    ],
)
def test_errors_of_specifications(changes, message):
    with pytest.raises(SettingsError, match=message):
        spec(**changes)


def test_a_method_with_nothing_to_tune_is_rejected(folder, tmp_path):
    with pytest.raises(RunError, match="method 'prior \\(tuned\\)' has no setting to tune: it has no settings"):
        run(spec(method=[{"name": "prior", "tuned": True}]), tmp_path, data_folder=folder)


def test_methods_without_and_with_tuning_have_separate_tables(capsys):
    benchmark = spec(n_seeds=5)
    records = make_records(benchmark)
    groups = by_tuning(records)
    assert list(groups) == ["without tuning", "tuned: 6 trials per method and run"]
    assert {record.method_title for record in groups["without tuning"]} == {"late_fusion"}
    assert list(by_tuning(groups["without tuning"])) == [""]
    print_tables(records, None, "patterns")
    printed = capsys.readouterr().out
    markdown, latex = markdown_tables(records), latex_tables(records)
    for text in (printed, markdown, latex):
        assert text.index("without tuning") < text.index("tuned: 6 trials")
    assert markdown.count("log loss, without tuning\n") == 1


def test_built_in_benchmark_tunes_every_method_with_the_same_budget():
    benchmark = read_spec("tuned")
    titles = {method.title() for method in benchmark.method}
    assert {f"{title} (tuned)" for title in titles if not title.endswith(" (tuned)")} < titles
    assert len({cell.tuning for cell in benchmark.cells() if cell.method.tuned}) == 1
