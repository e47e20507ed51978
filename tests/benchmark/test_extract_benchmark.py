"""The figures of benchmarks/extract.py."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks/extract.py"


def test_a_row_has_speed_and_memory_of_one_extractor():
    command = [sys.executable, SCRIPT, "--files", "3", "--only", "windows"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 3
    extractor, medium, files_per_s, peak = (cell.strip() for cell in lines[2].strip("|").split("|"))
    assert (extractor, medium) == ("`windows`", "sensor")
    assert float(files_per_s) > 0
    # at least Python with NumPy
    assert 50 < float(peak) < 5000
