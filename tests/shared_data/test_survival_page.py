"""The example of docs/survival.md, from the raw files of HANCOCK to a survival curve."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "survival.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.split("\n## Example: HANCOCK\n")[1].split("\n## ")[0]


@pytest.mark.filterwarnings("ignore::redcore.exceptions.RedCoreWarning")
def test_from_raw_files_to_a_survival_curve(cli, shared_data, tmp_path, monkeypatch, capsys):
    (tmp_path / "hancock").symlink_to(shared_data / "hancock")
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"```console\n(.*?)```", EXAMPLE, flags=re.DOTALL)
    commands = [shlex.split(line) for line in block.replace("\\\n", " ").replace("$ ", "").splitlines()]
    assert [command[1] for command in commands] == ["join", "inspect", "fit", "predict"]
    for command in commands:
        result = cli(*command[1:])
        assert result.status == 0, result.err
    [code] = re.findall(r"```python\n(.*?)```", EXAMPLE, flags=re.DOTALL)
    found: dict = {}
    exec(compile(code, "survival.md", "exec"), found)
    assert str(found["highest"]["sample_id"]) in capsys.readouterr().out
    probabilities = list(found["curve"].values())
    assert 0 <= probabilities[-1] <= probabilities[0] <= 1
    assert probabilities == sorted(probabilities, reverse=True)
