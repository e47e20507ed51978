"""Injected faults of the machine: every writing command exits with one line that names the path, and loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from redcore.cli import main

LIMIT = {"tune": 300}
"""Largest size of a written file in bytes by command, which stands for a full disk; else 2000."""

LIMITED = """
import resource, sys
from redcore.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, write_npz):
    """Return a folder with ``data.npz``, ``table.csv`` and the run ``run`` of a linear method."""
    folder = tmp_path_factory.mktemp("inputs")
    data = write_npz(folder / "data.npz", "multiclass", 120)
    rows = "".join(f"p{k},{k * 0.37 % 1},{k % 2}\n" for k in range(200))
    (folder / "table.csv").write_text("id,crp,out\n" + rows)
    assert main(["fit", str(data), "--out", str(folder / "run"), "--method", "late_fusion"]) == 0
    return folder


def commands(inputs, out):
    data, table, run = inputs / "data.npz", inputs / "table.csv", inputs / "run"
    tune = ("--trials", "1", "--method", "late_fusion", "--folds", "2")
    return {
        "fit": ["fit", data, "--out", out / "run", "--method", "late_fusion"],
        "predict": ["predict", run, data, "--out", out / "p.csv"],
        "convert": ["convert", data, "--out", out / "store"],
        "join": ["join", "--modality", f"blood={table}", "--id", "id", "--target", f"{table}:out",
                 "--out", out / "store"],
        "tune": ["tune", data, "--out", out / "study", *tune],
        "export": ["export", run, "--format", "safetensors", "--out", out / "m.safetensors"],
        "card": ["export", run, "--format", "card", "--out", out / "card.md"],
        "explain": ["explain", run, data, "--out", out / "why"],
        "drift": ["drift", run, data, "--html", out / "d.html"],
        "calibrate": ["calibrate", run, data, "--rows", "all", "--out", out / "new"],
        "ampute": ["ampute", data, "--out", out / "masked.npz", "--missing-rate", "0.2"],
    }  # fmt: skip


NAMES = (
    "fit", "predict", "convert", "join", "tune", "export", "card", "explain", "drift", "calibrate", "ampute",
)  # fmt: skip


def assert_one_line(status, err, path):
    lines = [line for line in err.splitlines() if line.startswith("redcore: ")]
    assert status == 2, err
    assert len(lines) == 1
    assert str(path) in lines[0]
    assert "Traceback" not in err
    return lines[0]


def left_in(folder):
    """Return the files that a failed command left, other than an unfinished run or study."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name not in ("run", "study", "workers", "why")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(inputs, tmp_path, name):
    command = [sys.executable, "-c", LIMITED, *map(str, (LIMIT.get(name, 2000), *commands(inputs, tmp_path)[name]))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    line = assert_one_line(result.returncode, result.stderr, tmp_path)
    assert "File too large" in line
    assert not left_in(tmp_path)
    assert not (tmp_path / "run/run.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_without_rights(cli, inputs, tmp_path, name):
    tmp_path.chmod(0o500)
    try:
        result = cli(*commands(inputs, tmp_path)[name])
    finally:
        tmp_path.chmod(0o700)
    assert "Permission denied" in assert_one_line(result.status, result.err, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_parent_of_the_output_is_a_file(cli, inputs, tmp_path, name):
    parent = tmp_path / "file"
    parent.write_text("content")
    result = cli(*commands(inputs, parent)[name])
    assert_one_line(result.status, result.err, parent)
    assert parent.read_text() == "content"


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_a_fifo(cli, inputs, tmp_path, name):
    command = commands(inputs, tmp_path)[name]
    path = command[-1 if name == "drift" else command.index("--out") + 1]
    os.mkfifo(path)
    result = cli(*command)
    assert_one_line(result.status, result.err, path)
    assert path.is_fifo()


@pytest.mark.parametrize("name", ["fit", "convert", "tune"])
def test_the_data_is_a_fifo(cli, inputs, tmp_path, name):
    fifo = tmp_path / "data.npz"
    os.mkfifo(fifo)
    command = [fifo if part == inputs / "data.npz" else part for part in commands(inputs, tmp_path)[name]]
    result = cli(*command)
    assert "is a FIFO" in assert_one_line(result.status, result.err, fifo)


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/model.json"])
def test_flipped_bits_of_a_model_are_found(cli, inputs, tmp_path, name):
    run = shutil.copytree(inputs / "run", tmp_path / "run")
    content = (run / name).read_bytes()
    for position in np.random.default_rng(0).choice(len(content), 20, replace=False).tolist():
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        (run / name).write_bytes(damaged)
        result = cli("predict", run, inputs / "data.npz", "--out", tmp_path / "p.csv")
        assert_one_line(result.status, result.err, run / "model")
        assert not (tmp_path / "p.csv").exists()


def test_a_run_in_use_is_not_resumed_by_another_process(cli, inputs, tmp_path):
    holder = (
        "import sys, time; from pathlib import Path; from redcore._files import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    out = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", holder, str(out)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        command = (*commands(inputs, tmp_path)["fit"], "--resume")
        result = cli(*command)
        line = assert_one_line(result.status, result.err, out)
        assert f"is in use by process {process.pid} on " in line
        process.kill()
    assert cli(*command).status == 0
    assert json.loads((out / "run.json").read_text())["n_samples"]
    assert not (tmp_path / ".run.lock").exists()


KILLED = """
import os, signal, sys
import redcore._files as files
from redcore.cli import main
remaining = int(sys.argv[1])
sync = os.fsync
def fsync(descriptor):
    global remaining
    remaining -= 1
    if remaining < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
files.os.fsync = fsync
sys.exit(main(sys.argv[2:]))
"""


def test_a_fit_killed_at_several_writes_is_resumed_with_the_same_result(inputs, tmp_path):
    command = [*map(str, commands(inputs, tmp_path)["fit"]), "--resume"]
    killed = 0
    for n_writes in (0, 1, 3, 6, 9, 100):
        result = subprocess.run(
            [sys.executable, "-c", KILLED, str(n_writes), *command], capture_output=True, text=True, check=False
        )
        assert result.returncode in (0, -signal.SIGKILL), result.stderr
        killed += result.returncode != 0
        assert (tmp_path / "run/run.json").exists() == (result.returncode == 0)
        if result.returncode == 0:
            break
    assert killed >= 4
    for name in ("model/model.safetensors", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (inputs / "run" / name).read_bytes()
