"""A fit that is interrupted or killed resumes with bit-identical results."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors import safe_open

from redcore.cli._output import InterruptibleBar

SLOW = (
    "--set", "max_epochs=250", "--set", "patience=none", "--set", "latent_dim=8", "--set", "imputer_layers=8",
    "--set", "batch_size=16", "--set", "n_members=1", "--missing-rate", "0.3",
)  # fmt: skip
COMPARED = ("model/model.safetensors", "metrics.json", "predictions.parquet", "history.parquet", "validation.parquet")


def start(*arguments):
    program = [sys.executable, "-m", "redcore", *map(str, arguments)]
    # a single thread is faster for many small steps on busy cores
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for(process, path, newer_than=0.0):
    """Wait until `path` is written; fail if the process exits first."""
    while not (path.exists() and path.stat().st_mtime > newer_than):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def steps_done(checkpoint):
    with safe_open(checkpoint, framework="np") as file:
        return json.loads(file.metadata()["info"])["progress"]["step"]


def outcome(run):
    return {file: (run / file).read_bytes() for file in COMPARED}


@pytest.fixture(scope="module")
def data(tmp_path_factory, write_npz):
    return write_npz(tmp_path_factory.mktemp("interrupt") / "data.npz", "multiclass")


def uninterrupted(data, seconds):
    run = data.parent / f"uninterrupted-{seconds}"
    process = start("fit", data, "--out", run, *SLOW, "--set", f"checkpoint_seconds={seconds}")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return outcome(run)


def test_ctrl_c_saves_a_checkpoint_and_prints_the_resume_command(data, tmp_path):
    run = tmp_path / "run"
    process = start("fit", data, "--out", run, *SLOW, "--set", "checkpoint_seconds=0.2")
    wait_for(process, run / "checkpoint.safetensors")
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    resume_message, interrupt_message = error.splitlines()
    assert (
        interrupt_message
        == f"redcore: training was interrupted after step {steps_done(run / 'checkpoint.safetensors')}"
    )
    assert {path.name for path in run.iterdir()} == {"request.json", "checkpoint.safetensors"}
    prefix, command = resume_message.split("To resume: ")
    assert prefix == "The checkpoint was saved. "
    program, *arguments = shlex.split(command)
    assert (program, arguments[-1]) == ("redcore", "--resume")
    again = start(*arguments)
    _, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    assert outcome(run) == uninterrupted(data, 0.2)
    assert not list(run.glob("*checkpoint*"))


def test_kill_at_random_moments(data, tmp_path):
    run, rng = tmp_path / "run", np.random.default_rng()
    fit = ("fit", data, "--out", run, *SLOW, "--set", "checkpoint_seconds=0")
    before = 0
    for resume in ((), ("--resume",), ("--resume",)):
        begun = time.time()
        process = start(*fit, *resume)
        wait_for(process, run / "checkpoint.safetensors", newer_than=begun)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert not (run / "run.json").exists()
        # a run that started again from step 0 would have fewer steps
        assert steps_done(run / "checkpoint.safetensors") > before
        before = steps_done(run / "checkpoint.safetensors")
    (run / ".checkpoint-0badcafe.safetensors").write_bytes(b"temporary file of a killed process")
    process = start(*fit, "--resume")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert outcome(run) == uninterrupted(data, 0)
    assert not list(run.glob("*checkpoint*"))


@pytest.mark.parametrize(
    ("method", "head_layers"),
    # the networks are trained in lockstep, or one after the other
    [("stacked", ""), ("stacked", "4"), ("zero_fill", "")],
)
def test_resume_starts_where_the_checkpoint_is(cli, data, tmp_path, monkeypatch, method, head_layers):
    settings = (*(SLOW[:2] if method == "stacked" else ()), "--set", f"head_layers={head_layers}")
    fit = ("fit", data, "--method", method, *settings, "--set", "max_epochs=8", "--set", "latent_dim=8")
    assert cli(*fit, "--out", tmp_path / "uninterrupted").status == 0
    starts = []
    on_start = InterruptibleBar.on_start

    def record_start(bar, n_steps, first_step):
        starts.append(first_step)
        on_start(bar, n_steps, first_step)

    monkeypatch.setattr(InterruptibleBar, "on_start", record_start)
    with monkeypatch.context() as patch:
        patch.setattr(InterruptibleBar, "should_stop", lambda bar: bar.progress.tasks[bar.task].completed == 10)
        result = cli(*fit, "--out", tmp_path / "run")
    assert (result.status, result.out) == (130, "")
    assert "training was interrupted after step 10" in result.err
    assert cli(*fit, "--out", tmp_path / "run", "--resume").status == 0
    # only the first network had started before the interrupt
    assert starts == [0, 10, *([0, 0] if method == "stacked" else [])]
    for file in ("model/model.safetensors", "metrics.json", "history.parquet"):
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "uninterrupted" / file).read_bytes()


def test_a_method_without_checkpoints_stops_too(cli, data, tmp_path, monkeypatch):
    fit = ("fit", data, "--out", tmp_path / "run", "--method", "late_fusion")
    with monkeypatch.context() as patch:
        patch.setattr(InterruptibleBar, "should_stop", lambda bar: True)
        result = cli(*fit)
    assert result.status == 130
    assert result.err.startswith("To resume: redcore ")
    assert cli(*fit, "--resume").status == 0


@pytest.mark.parametrize("raw", [b"", b"half a checkpoint", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_bad_input(cli, data, tmp_path, monkeypatch, raw):
    fit = ("fit", data, "--out", tmp_path / "run", *SLOW)
    with monkeypatch.context() as patch:
        patch.setattr(InterruptibleBar, "should_stop", lambda bar: True)
        assert cli(*fit).status == 130
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    checkpoint.write_bytes(raw)
    result = cli(*fit, "--resume")
    assert (result.status, result.out, result.err.count("\n")) == (2, "", 1)
    assert str(checkpoint) in result.err


def test_fit_restores_the_signal_handlers(cli, data, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    assert signal.getsignal(signal.SIGINT) is before
