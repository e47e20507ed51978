"""The examples and the code blocks of docs/using.md run as written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", (ROOT / "docs/using.md").read_text(), flags=re.DOTALL)
)
def test_code_of_the_page(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "using.md", "exec"), {})


def test_from_a_csv_with_missing_values_to_a_served_prediction(tmp_path):
    example = ROOT / "examples/csv_to_service.py"
    source = example.read_text()
    assert len(source.splitlines()) < 40
    # a free port
    moved = tmp_path / "example.py"
    moved.write_text(source.replace("8765", str(20000 + os.getpid() % 20000)))
    done = subprocess.run([sys.executable, moved], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "'observed': ['body']" in done.stdout
    assert "'interval': [" in done.stdout
