import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

import redcore
from redcore.cli import main
from redcore.data import MultimodalData, Target
from redcore.exceptions import (
    HoldOutWarning,
    MissingRateError,
    RunError,
    SettingsError,
    TrainingInterrupted,
    UnknownNameError,
)
from redcore.fitting import Callback
from redcore.runs import Run, RunOptions, fit_run, read_data, read_result, split_codes

RATES = {"audio": 0.25, "text": 0.5}


def options_of(method):
    settings = {"max_epochs": "2"} if method == "zero_fill" else {}
    return {"method": method, "missing_rates": RATES, "settings": settings, "seed": 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng, codes = np.random.default_rng(0), np.arange(60) % 3
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(
        path,
        x_audio=rng.normal(size=(60, 3)) + codes[:, None],
        x_text=rng.normal(size=(60, 4)) - codes[:, None],
        y=codes,
    )
    return str(path)


@pytest.fixture(scope="module", params=["late_fusion", "zero_fill"])
def folder(request, data, tmp_path_factory):
    """Return a run folder written by ``redcore fit``."""
    out = tmp_path_factory.mktemp("cli") / "run"
    request = options_of(request.param)
    rates = [f"--missing-rate={name}={rate}" for name, rate in RATES.items()]
    settings = [f"--set={key}={value}" for key, value in request["settings"].items()]
    assert main(["fit", data, "--out", str(out), "--method", request["method"], "--seed", "3", *rates, *settings]) == 0
    return out


def content(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_fit_run_in_memory_equals_the_command_line(folder, data):
    run = redcore.fit_run(data, **options_of(content(folder / "request.json")["method"]))
    assert run.request.dump() == content(folder / "request.json")
    assert {"part": "test", **run.metrics} == content(folder / "metrics.json")
    test = read_data(data).take(run.held_out)
    assert run.predict(test).equals(pq.read_table(folder / "predictions.parquet"))


def test_the_run_folder_equals_the_command_line_except_for_pages(folder, data, tmp_path):
    out = tmp_path / "run"
    redcore.fit_run(data, out, **options_of(content(folder / "request.json")["method"]))
    pages = {"report.html", "supervision.png"}
    assert {path.name for path in out.iterdir()} == {path.name for path in folder.iterdir()} - pages
    for name in ("request.json", "settings.json", "metrics.json"):
        assert content(out / name) == content(folder / name)
    for name in ("samples.parquet", "predictions.parquet"):
        assert pq.read_table(out / name).equals(pq.read_table(folder / name))
    from_python, from_cli = content(out / "run.json"), content(folder / "run.json")
    assert {**from_python, "fit_seconds": 0} == {**from_cli, "fit_seconds": 0}


def test_a_loaded_run_has_the_content_of_its_folder(folder, data):
    run = redcore.Run.load(folder)
    assert run.record == content(folder / "run.json")
    assert {"part": "test", **run.metrics} == content(folder / "metrics.json")
    assert bool(run.history) == (folder / "history.parquet").exists()
    source = read_data(data)
    assert run.evaluate(source).to_dict() == run.metrics
    assert run.predict(source.take(run.held_out)).equals(pq.read_table(folder / "predictions.parquet"))
    assert run.predict(data).num_rows == 60
    with pytest.raises(RunError, match="was loaded"):
        run.fit()


class StopAfter(Callback):
    def __init__(self, steps):
        self.left = steps

    def should_stop(self):
        self.left -= 1
        return self.left < 0


def test_a_resumed_run_has_the_same_result(data, tmp_path):
    out, request = tmp_path / "run", options_of("zero_fill")
    with pytest.raises(TrainingInterrupted):
        redcore.fit_run(data, out, **request, callbacks=[StopAfter(2)])
    with pytest.raises(RunError, match="unfinished run"):
        redcore.fit_run(data, out, **request)
    with pytest.raises(RunError, match="seed was 3, now 4"):
        redcore.fit_run(data, out, **{**request, "seed": 4}, resume=True)
    run = redcore.fit_run(data, out, **request, resume=True)
    assert run.metrics == redcore.fit_run(data, **request).metrics
    assert not (out / "checkpoint.safetensors").exists()
    with pytest.raises(RunError, match="finished run"):
        redcore.fit_run(data, out, **request, resume=True)


def test_an_unrecognised_folder_is_rejected_and_unchanged(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="is not a run folder"):
        redcore.fit_run(data, tmp_path, method="late_fusion")
    with pytest.raises(RunError, match="is not a run folder"):
        redcore.fit_run(data, method="late_fusion").save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(RunError, match="holds no run"):
        redcore.Run.load(tmp_path)


def test_an_unknown_modality_raises_with_its_name(data):
    with pytest.raises(UnknownNameError, match="video"):
        redcore.fit_run(data, missing_rates={"video": 0.5})


def test_keyword_arguments_override_the_options(data):
    options = RunOptions(**{**options_of("late_fusion"), "seed": 4})
    run = redcore.fit_run(data, options=options, seed=3)
    assert run.request.dump() == redcore.fit_run(data, **options_of("late_fusion")).request.dump()
    assert (run.request.seed, options.seed) == (3, 4)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sed": 1}, UnknownNameError, "unknown setting 'sed'"),
        ({"seed": "first"}, SettingsError, "setting 'seed'"),
        ({"missing_rates": {"audio": 1.5}}, MissingRateError, "audio"),
    ],
)
def test_invalid_options_raise_with_their_name(data, changes, error, message):
    with pytest.raises(error, match=message):
        redcore.fit_run(data, **changes)


def test_the_result_in_memory_equals_the_saved_result(folder, data):
    run = redcore.fit_run(data, **options_of(content(folder / "request.json")["method"]))
    result, saved = run.result, read_result(folder)
    assert (result.metrics, result.history, result.epochs) == (saved.metrics, saved.history, saved.epochs)
    assert (result.data_title, result.protocol_title) == ("data", "imbalanced 0.25/0.5")
    expected = {name: value for name, value in saved.configuration().items() if name != "fit_seconds"}
    assert {name: value for name, value in result.configuration().items() if name != "fit_seconds"} == expected


def test_read_result_does_not_import_torch(folder):
    code = (
        f"import sys; from redcore.runs import read_result; read_result({str(folder)!r}); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_predict_stream(folder, data, tmp_path):
    run = redcore.Run.load(folder)
    n_rows, columns = run.predict_stream(data, tmp_path / "out.parquet")
    assert (n_rows, columns) == (60, run.predict(data).column_names)
    assert pq.read_table(tmp_path / "out.parquet").equals(run.predict(data))
    with pytest.raises(RunError, match="not saved"):
        redcore.fit_run(data, method="late_fusion").predict_stream(data, tmp_path / "out.parquet")


def test_class_in_one_group_is_trained_and_named_as_untested():
    labels = np.arange(60) % 3
    data = MultimodalData.from_arrays(
        {"a": labels[:, None] + np.zeros((60, 2)), "b": np.ones((60, 1))},
        Target.from_labels(labels),
        groups=np.where(labels == 2, 99, np.arange(60) // 10),
    )
    with pytest.warns(HoldOutWarning, match="class 2 occurs only in group 99, which is therefore not held out"):
        codes = split_codes(data, 0.2, 0)
    assert set(labels[codes == 0]) == {0, 1, 2}
    assert set(labels[codes == 2]) == {0, 1}


def test_a_class_without_a_sample_in_a_split_is_named():
    labels = np.repeat(["no", "yes"], [58, 2])
    split = np.resize([0, 0, 1, 2], 60)
    split[-2:] = 0, 1
    data = MultimodalData.from_arrays({"a": np.ones((60, 2))}, Target.from_labels(labels), split=split)
    with pytest.warns(HoldOutWarning, match=r"class 'yes' has no sample in the test split \(14 samples\)"):
        split_codes(data, 0.2, 0)


def fail(*_, **__):
    raise RuntimeError("no space left")


def test_a_failed_fit_releases_the_folder(data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Run, "fit", fail)
        with pytest.raises(RuntimeError, match="no space left"):
            fit_run(data, method="late_fusion", out=tmp_path / "run")
        assert main(["fit", str(data), "--method", "late_fusion", "--out", str(tmp_path / "cli")]) == 1
    assert list(tmp_path.iterdir()) == []
    fit_run(data, method="late_fusion", seed=1, out=tmp_path / "run")
    assert main(["fit", str(data), "--method", "late_fusion", "--seed", "1", "--out", str(tmp_path / "cli")]) == 0


def test_a_failed_fit_keeps_a_folder_with_other_files(data, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    request = RunOptions(method="late_fusion")

    def write_and_fail(*_, **__):
        (tmp_path / "run" / "checkpoint.safetensors").write_bytes(b"trained")
        raise RuntimeError("no space left")

    monkeypatch.setattr(Run, "fit", write_and_fail)
    with pytest.raises(RuntimeError, match="no space left"):
        fit_run(data, tmp_path / "run", options=request)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"request.json", "checkpoint.safetensors"}
