"""The ONNX example runs with onnxruntime and numpy only."""

import subprocess
import sys
from pathlib import Path

import pytest

from redcore.export import export_onnx

EXAMPLE = Path(__file__).parents[2] / "examples" / "predict_with_onnx.py"


def test_the_example_runs_without_redcore_and_torch(model, tmp_path):
    pytest.importorskip("onnxruntime")
    export_onnx(model, tmp_path / "model.onnx")
    # importing redcore or torch raises an ImportError
    block = "import sys; sys.modules['redcore'] = sys.modules['torch'] = None; sys.argv = sys.argv[1:]; "
    code = block + "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, EXAMPLE, tmp_path / "model.onnx"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(": ") for line in done.stdout.splitlines()]
    assert len(rows) == 2
    assert all(sum(map(float, row[1].split(", "))) == pytest.approx(1, abs=2e-3) for row in rows)
