"""Tuning studies: folds, search spaces, parallel and killed workers."""

import json
import multiprocessing
import os
import re
import signal
import time

import numpy as np
import pytest
from optuna.trial import TrialState

from factories import ANY_DATA_METHODS, make_data, tiny
from redcore._discovery import names
from redcore.data import MultimodalData
from redcore.exceptions import DataError, DivergenceError, RunError, UnknownNameError
from redcore.methods import make_method, method_class
from redcore.tuning import Budget, Journal, Study, Task, describe, first_values

RATES = {"audio": 0.3, "text": 0.5, "video": 0.0}


def task(kind="multiclass", n_samples=60, **changes) -> Task:
    groups = changes.pop("groups", None)
    data = make_data(kind, n_samples, holes=False)
    data = MultimodalData(data.modalities, data.target, groups, data.sample_ids, None)
    return Task(changes.pop("method", "late_fusion"), data, changes.pop("rates", RATES), **changes)


@pytest.mark.parametrize("method", names("redcore.methods"))
def test_search_spaces_are_within_the_bounds_of_the_settings(method):
    settings = make_method(method).settings
    for name, search in settings.search_space().items():
        for value in search.choices or (search.low, search.high):
            settings.replace(**{name: int(value) if search.whole else value})
        # None leaves the value to the method
        assert name in first_values(settings) or settings.value_of(name) is None
    assert bool(describe(settings)) != bool(method_class(method).nothing_to_tune)
    assert ("learning_rate" in describe(settings)) == hasattr(getattr(settings, "of_base", settings), "learning_rate")


def test_methods_without_a_search_space():
    untuned = {name for name in names("redcore.methods") if method_class(name).nothing_to_tune}
    assert untuned == {"bayes", "prior", "tabicl", "tabpfn"}


@pytest.mark.parametrize("end", [0, -1], ids=["low", "high"])
@pytest.mark.parametrize("method", [name for name in ANY_DATA_METHODS if not method_class(name).nothing_to_tune])
def test_fits_at_both_ends_of_the_search_space(method, end):
    space = make_method(method).settings.search_space()
    ends = {name: (search.choices or (search.low, search.high))[end] for name, search in space.items()}
    ends = {name: int(value) if space[name].whole else value for name, value in ends.items()}
    for kind in ("multiclass", "regression"):
        data = make_data(kind)
        outputs = make_method(method, settings={**tiny(method), **ends}).fit(data).predict(data)
        assert np.isfinite(outputs).all()


def test_the_stack_is_tuned_with_its_base():
    space = make_method("stacked", settings={"base": "mvtcae"}).settings.search_space()
    assert {"n_members", "conditional_share", "learning_rate"} <= space.keys()
    assert "weight_step" not in space


def test_only_group_of_a_class_is_in_the_training_data_of_every_fold():
    labels = task().data.target.values
    tuning = task(groups=np.where(labels == 2, 9, np.arange(60) // 10), n_folds=3)
    for train, validation in tuning.folds:
        assert set(train.target.values) == {0, 1, 2}
        assert set(validation.target.values) == {0, 1}


@pytest.mark.filterwarnings("ignore:no samples can be held out")
def test_tuning_needs_a_group_that_can_be_held_out():
    with pytest.raises(DataError, match="tuning needs a group that can be held out"):
        _ = task(groups=task().data.target.values).folds


def test_folds_respect_groups_and_missing_rates():
    tuning = task(groups=np.arange(60) // 5, n_folds=3)
    held_out = [set(validation.sample_ids.tolist()) for _, validation in tuning.folds]
    assert set.union(*held_out) == set(range(60))
    for train, validation in tuning.folds:
        assert not set(train.groups) & set(validation.groups)
        for split in (train, validation):
            for name, rate in RATES.items():
                assert split.missing_rates[name] == pytest.approx(rate, abs=1 / split.n_samples)


def test_all_trials_have_the_same_missing_patterns():
    one, other = task(), task()
    for (train, _), (again, _) in zip(one.folds, other.folds, strict=True):
        assert train.checksum() == again.checksum()


@pytest.mark.parametrize(
    ("kind", "metric", "direction"),
    [("multiclass", "nll", "minimize"), ("multilabel", "macro_f1", "maximize"), ("regression", "r2", "maximize")],
)
def test_default_metric_of_each_target(kind, metric, direction, tmp_path):
    tuning = task(kind)
    assert (tuning.chosen_metric, tuning.direction) == (metric, direction)
    study = Study(tmp_path, tuning)
    study.work(Budget(2))
    assert study.best() is not None
    with pytest.raises(UnknownNameError, match="unknown metric 'f2'"):
        task(kind, metric="f2").score({}, lambda *_: None)


def test_the_best_trial_is_written_as_a_preset(tmp_path):
    study = Study(tmp_path, task(), {"alpha": 3.0})
    study.work(Budget(6))
    content = json.loads((tmp_path / "preset.json").read_text())
    values = [trial.value for trial in study.study.trials if trial.state == TrialState.COMPLETE]
    assert content["score"] == min(values)
    method = make_method("late_fusion", str(tmp_path / "preset.json"))
    assert method.settings.alpha == 3.0
    assert content["settings"]["C"] == method.settings.C
    assert study.counts()["running"] == 0


def test_a_study_is_resumed(tmp_path):
    Study(tmp_path, task()).work(Budget(3))
    study = Study(tmp_path, task())
    study.work(Budget(3))
    assert len(study.study.trials) == 3
    study.work(Budget(5))
    assert len(study.study.trials) == 5
    # the resumed study does not repeat trials, and draws those of a study without interruption
    assert len({trial.params.get("C") for trial in study.study.trials}) == 5
    (tmp_path / "other").mkdir()
    other = Study(tmp_path / "other", task())
    other.work(Budget(5))
    assert [trial.params for trial in other.study.trials] == [trial.params for trial in study.study.trials]


def test_the_first_trial_has_the_defaults_or_the_start(tmp_path, monkeypatch):
    tried = []

    def score(self, settings, report):
        tried.append(settings)
        return 1.0

    monkeypatch.setattr(Task, "score", score)
    for place, (fixed, start) in enumerate([({}, {}), ({"alpha": 3.0}, {"C": 0.5}), ({"C": 2.0}, {"alpha": 7.0})]):
        folder = tmp_path / str(place)
        folder.mkdir()
        study = Study(folder, task(), fixed, start)
        tried.clear()
        study.work(Budget(3))
        assert tried[0] == {**fixed, **start}
        assert all(settings.items() >= fixed.items() for settings in tried)
        assert study.study.trials[0].params == start
        assert study.settings_of(study.best()) == {**fixed, **start}


def test_a_cpu_budget_ends_the_study_and_its_last_trial(tmp_path, monkeypatch):
    def score(self, settings, report):
        for fold in range(3):
            end = time.process_time() + 0.1
            while time.process_time() < end:
                pass
            report(fold + 1, 1.0)
        return 1.0

    monkeypatch.setattr(Task, "score", score)
    study = Study(tmp_path, task())
    study.work(Budget(cpu_seconds=0.05))
    # the first trial is complete although it exceeds the budget
    assert [trial.state for trial in study.finished()] == [TrialState.COMPLETE]
    study.work(Budget(10, study.cpu_seconds() + 0.15))
    assert [trial.state for trial in study.finished()] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert len(study.finished()[1].intermediate_values) == 2
    assert study.cpu_seconds() == pytest.approx(0.5, abs=0.1)


def test_trials_are_scored_under_random_missing_patterns():
    plain, augmented = task(rates=None), task(rates=None, validation_patterns=4)
    for (train, validation), (same, copies) in zip(plain.folds, augmented.folds, strict=True):
        assert train.checksum() == same.checksum()
        assert not any(train.missing_rates.values())
        assert copies.n_samples == 4 * validation.n_samples
        assert copies.take(np.arange(validation.n_samples)).checksum() == validation.checksum()
        assert any(copies.missing_rates.values())


def test_a_poor_trial_is_pruned_before_its_last_fold(tmp_path, monkeypatch):
    calls = []

    def score(self, settings, report):
        calls.append(settings)
        value = 1.0 if len(calls) <= 6 else 9.0
        for fold in range(3):
            report(fold + 1, value)
        return value

    monkeypatch.setattr(Task, "score", score)
    study = Study(tmp_path, task())
    study.work(Budget(8))
    assert [trial.state for trial in study.study.trials[6:]] == [TrialState.PRUNED] * 2
    assert max(study.study.trials[7].intermediate_values) == 1


def test_a_diverging_loss_ends_the_trial_and_an_error_ends_the_study(tmp_path, monkeypatch):
    def diverge(self, settings, report):
        raise DivergenceError("nan")

    monkeypatch.setattr(Task, "score", diverge)
    study = Study(tmp_path / "one", task()) if (tmp_path / "one").mkdir() is None else None
    study.work(Budget(2))
    assert study.best() is None
    assert study.counts() == {"complete": 0, "pruned": 2, "fail": 0, "running": 0}
    assert not (tmp_path / "one" / "preset.json").exists()

    def fail(self, settings, report):
        raise DataError("no")

    monkeypatch.setattr(Task, "score", fail)
    (tmp_path / "two").mkdir()
    with pytest.raises(DataError):
        Study(tmp_path / "two", task()).work(Budget(2))


def test_errors_of_unusable_tasks(tmp_path):
    with pytest.raises(RunError, match="no setting to tune"):
        Study(tmp_path, task(method="prior"))
    with pytest.raises(DataError, match="at least two samples"):
        _ = task("regression", 1, rates=dict.fromkeys(RATES, 0.0)).folds


def test_an_incomplete_record_of_a_killed_writer_is_truncated(tmp_path):
    Study(tmp_path, task()).work(Budget(2))
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(b'{"op_code": 5, "tri')
    study = Study(tmp_path, task())
    study.work(Budget(3))
    assert len(Study(tmp_path, task()).study.trials) == 3


def test_a_changed_bit_of_the_journal_is_named_or_has_no_effect(tmp_path):
    Study(tmp_path, task()).work(Budget(2))
    path, before = tmp_path / "journal.log", Study(tmp_path, task()).finished()
    content, n_errors = path.read_bytes(), 0
    for position in [*range(0, len(content) - 1, 29), len(content) - 5]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            after = Study(tmp_path, task()).finished()
        except RunError as error:
            n_errors += re.match(rf"{path}: line \d+ is damaged", str(error)) is not None
        else:
            assert [(one.params, one.value) for one in after] == [(one.params, one.value) for one in before]
    assert n_errors > 20


def test_a_journal_without_checksums_is_read(tmp_path):
    Study(tmp_path, task()).work(Budget(2))
    path, before = tmp_path / "journal.log", Study(tmp_path, task()).finished()
    path.write_text(re.sub(r',"checksum":\d+', "", path.read_text()))
    assert Study(tmp_path, task()).finished() == before


def work_slowly(folder, n_trials):
    score = Task.score

    def slow(self, settings, report):
        time.sleep(0.2)
        return score(self, settings, report)

    Task.score = slow
    Study(folder, task()).work(Budget(n_trials), worker=1)


@pytest.mark.parametrize("seconds", [0.1, 0.5])
def test_a_killed_worker_loses_only_its_trial(tmp_path, seconds):
    context = multiprocessing.get_context("fork")
    process = context.Process(target=work_slowly, args=(tmp_path, 50))
    process.start()
    while not (tmp_path / "workers").exists():
        time.sleep(0.01)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    study = Study(tmp_path, task())
    before = study.counts()
    study.work(Budget(before["complete"] + before["pruned"] + 2))
    after = study.counts()
    assert after["running"] == 0
    assert after["fail"] == before["running"]
    assert after["complete"] + after["pruned"] == before["complete"] + before["pruned"] + 2
    if before["running"]:
        failed = next(trial for trial in study.study.trials if trial.state == TrialState.FAIL)
        assert any(t.params == failed.params for t in study.study.trials if t.number != failed.number)


def test_workers_share_a_study(tmp_path):
    context = multiprocessing.get_context("fork")
    Study(tmp_path, task())
    processes = [context.Process(target=work_slowly, args=(tmp_path, 8)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    study = Study(tmp_path, task())
    # both workers can start a last trial at the same time
    assert 8 <= len(study.study.trials) <= 9
    assert len({trial.user_attrs["worker"] for trial in study.study.trials}) == 2
    assert not list((tmp_path / "workers").iterdir())


def test_a_worker_is_alive_until_it_ends(tmp_path):
    journal = Journal(tmp_path)
    with journal.worker() as name:
        assert journal.is_alive(name)
    assert not journal.is_alive(name)
    assert not journal.is_alive("unknown")
