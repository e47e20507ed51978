"""The examples and the code blocks of pages in docs/ run as written."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


BLOCKS = [
    pytest.param(page, code, id=f"{page} {place}")
    for page in ("using.md", "encoders.md", "monitoring.md", "plug-ins.md", "several-targets.md", "training.md")
    for place, code in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), flags=re.DOTALL), 1
    )
]


@pytest.mark.parametrize(("page", "code"), BLOCKS)
def test_code_of_the_page(page, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # a module, so that its classes can be imported by name
    module = ModuleType("code_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, page, "exec"), module.__dict__)


def run_example(name, port, folder):
    """Run an example on a free port and return its output."""
    source = (ROOT / "examples" / name).read_text()
    assert len(source.splitlines()) <= 40
    moved = folder / "example.py"
    moved.write_text(source.replace(port, str(20000 + os.getpid() % 20000)))
    done = subprocess.run([sys.executable, moved], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_csv_with_missing_values_to_a_served_prediction(tmp_path):
    output = run_example("csv_to_service.py", "8765", tmp_path)
    assert "'observed': ['body']" in output
    assert "'interval': [" in output


def test_from_a_folder_of_recordings_to_a_served_prediction(tmp_path):
    output = run_example("recordings_to_service.py", "8766", tmp_path)
    assert "'observed': ['audio', 'text'], 'label': 'happy'" in output
