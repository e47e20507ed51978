import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

import redcore
from redcore.cli import main
from redcore.exceptions import MissingRateError, RunError, SettingsError, TrainingInterrupted, UnknownNameError
from redcore.fitting import Callback
from redcore.runs import RunOptions, read_data, read_result

RATES = {"audio": 0.25, "text": 0.5}


def asked(method):
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
    """A run folder of the command line."""
    out = tmp_path_factory.mktemp("cli") / "run"
    request = asked(request.param)
    rates = [f"--missing-rate={name}={rate}" for name, rate in RATES.items()]
    settings = [f"--set={key}={value}" for key, value in request["settings"].items()]
    assert main(["fit", data, "--out", str(out), "--method", request["method"], "--seed", "3", *rates, *settings]) == 0
    return out


def content(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_in_memory_equals_the_command_line(folder, data):
    run = redcore.fit_run(data, **asked(content(folder / "request.json")["method"]))
    assert run.request.dump() == content(folder / "request.json")
    assert {"part": "test", **run.metrics} == content(folder / "metrics.json")
    test = read_data(data).take(run.held_out)
    assert run.predict(test).equals(pq.read_table(folder / "predictions.parquet"))


def test_a_folder_equals_that_of_the_command_line_but_for_the_pages(folder, data, tmp_path):
    out = tmp_path / "run"
    redcore.fit_run(data, out, **asked(content(folder / "request.json")["method"]))
    pages = {"report.html", "supervision.png"}
    assert {path.name for path in out.iterdir()} == {path.name for path in folder.iterdir()} - pages
    for name in ("request.json", "settings.json", "metrics.json"):
        assert content(out / name) == content(folder / name)
    for name in ("samples.parquet", "predictions.parquet"):
        assert pq.read_table(out / name).equals(pq.read_table(folder / name))
    ours, theirs = content(out / "run.json"), content(folder / "run.json")
    assert {**ours, "fit_seconds": 0} == {**theirs, "fit_seconds": 0}


def test_a_loaded_run_knows_what_the_folder_holds(folder, data):
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


def test_an_interrupted_run_goes_on_to_the_same_result(data, tmp_path):
    out, request = tmp_path / "run", asked("zero_fill")
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


def test_a_foreign_folder_is_refused_and_left_alone(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="is no run"):
        redcore.fit_run(data, tmp_path, method="late_fusion")
    with pytest.raises(RunError, match="is no run"):
        redcore.fit_run(data, method="late_fusion").save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(RunError, match="holds no run"):
        redcore.Run.load(tmp_path)


def test_an_unknown_modality_is_named(data):
    with pytest.raises(UnknownNameError, match="video"):
        redcore.fit_run(data, missing_rates={"video": 0.5})


def test_options_can_be_an_object_that_single_fields_replace(data):
    options = RunOptions(**{**asked("late_fusion"), "seed": 4})
    run = redcore.fit_run(data, options=options, seed=3)
    assert run.request.dump() == redcore.fit_run(data, **asked("late_fusion")).request.dump()
    assert (run.request.seed, options.seed) == (3, 4)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sed": 1}, UnknownNameError, "unknown setting 'sed'"),
        ({"seed": "first"}, SettingsError, "setting 'seed'"),
        ({"missing_rates": {"audio": 1.5}}, MissingRateError, "audio"),
    ],
)
def test_invalid_options_are_named(data, changes, error, message):
    with pytest.raises(error, match=message):
        redcore.fit_run(data, **changes)


def test_the_result_in_memory_equals_that_of_the_folder_but_for_the_key_and_the_duration(folder, data):
    run = redcore.fit_run(data, **asked(content(folder / "request.json")["method"]))
    ours, theirs = run.result, read_result(folder)
    assert (ours.metrics, ours.history, ours.epochs) == (theirs.metrics, theirs.history, theirs.epochs)
    assert (ours.data_title, ours.protocol_title) == ("data", "imbalanced 0.25/0.5")
    keep = {name: value for name, value in theirs.configuration().items() if name != "fit_seconds"}
    assert {name: value for name, value in ours.configuration().items() if name != "fit_seconds"} == keep


def test_reading_a_result_loads_no_torch(folder):
    code = (
        f"import sys; from redcore.runs import read_result; read_result({str(folder)!r}); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_predictions_are_streamed_to_a_file(folder, data, tmp_path):
    run = redcore.Run.load(folder)
    n_rows, columns = run.predict_stream(data, tmp_path / "out.parquet")
    assert (n_rows, columns) == (60, run.predict(data).column_names)
    assert pq.read_table(tmp_path / "out.parquet").equals(run.predict(data))
    with pytest.raises(RunError, match="not saved"):
        redcore.fit_run(data, method="late_fusion").predict_stream(data, tmp_path / "out.parquet")
