"""The README's examples run as written."""

import re
import shlex
from pathlib import Path

import pytest

from redcore.cli import main

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    """Commands of the console blocks, continuation lines joined; `make` is what runs this test."""
    text = "\n".join(blocks("console")).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ redcore")]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_command_line_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(commands()) >= 3
    for command in commands():
        if command.split()[1] != "demo":
            assert main(shlex.split(command)[1:]) == 0, command
