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
    for page in ("using.md", "encoders.md", "monitoring.md", "plug-ins.md", "training.md")
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
