"""A short run of what ``make fuzz`` does at length."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def test_damaged_files_are_named_and_do_nothing_worse():
    pytest.importorskip("h5py")
    script = Path(__file__).with_name("reader_fuzz.py")
    run = subprocess.run(
        [sys.executable, script, "--cases", "600", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "COVERAGE_PROCESS_START": "",
            "PYTHONPATH": f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        },
    )
    assert run.returncode == 0, run.stdout + run.stderr
    n_cases, n_read, n_named, n_bad = map(int, run.stdout.splitlines()[-1].split()[1:])
    assert n_cases >= 600
    assert n_bad == 0
    assert n_named > n_read
