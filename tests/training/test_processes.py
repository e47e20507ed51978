"""Distributed fits: equality with a fit in one process, and recovery after the loss of a process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from factories import load_script

SCRIPT = Path(__file__).with_name("shared_fit.py")


def in_one(out):
    """Return the results of a fit in one process."""
    script = load_script(SCRIPT)
    return script.results(script.fit(out))


def start(out, n_processes, *killed):
    """Run the script under torchrun and return its exit status."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
    paths = [str(SCRIPT.parents[2] / "src"), str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    arguments = [*command, str(SCRIPT), str(out), *map(str, killed)]
    return subprocess.run(arguments, env=environment, capture_output=True, timeout=300, check=False, text=True)


def check_same(arrays, expected):
    for name, column in expected.items():
        np.testing.assert_allclose(arrays[name], column, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return in_one(tmp_path_factory.mktemp("one") / "fit")


def test_two_processes_give_the_results_of_one(tmp_path, alone):
    done = start(tmp_path / "fit", 2)
    assert done.returncode == 0, done.stderr
    first, second = (dict(np.load(tmp_path / f"fit.{rank}.npz")) for rank in range(2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
    check_same(first, alone)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_fit_is_resumed_after_the_loss_of_a_process(tmp_path, alone, lost):
    done = start(tmp_path / "fit", 2, lost, 9)
    assert done.returncode != 0
    assert "a process of the fit was lost after step" in done.stderr
    check_same(in_one(tmp_path / "fit"), alone)
