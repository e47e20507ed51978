"""``redcore doctor`` on sound and on broken installations."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from redcore._version import __version__
from redcore.cli import doctor


def test_it_lists_versions_devices_extras_and_folders(cli):
    content = cli("doctor", "--json").json
    assert content["versions"]["redcore"].startswith(__version__)
    assert content["versions"]["torch"] == importlib.metadata.version("torch")
    assert content["devices"]["devices"][0] == "cpu"
    assert content["extras"]["serve"] == "present"
    assert "dev" not in content["extras"]
    assert content["folders"]["current"]["path"] == str(Path.cwd())
    assert content["broken"] == []
    text = cli("doctor").out
    assert all(name in text for name in (*content["versions"], *content["extras"]))


def test_required_packages_that_are_absent_or_old_are_broken(cli, monkeypatch):
    versions = importlib.metadata.version

    def version(name):
        if name == "scipy":
            return "1.0"
        if name in ("rich", "optuna"):
            raise importlib.metadata.PackageNotFoundError(name)
        return versions(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    result = cli("doctor", "--json")
    assert result.status == 2
    assert result.json["broken"] == ["rich: absent", "scipy: 1.0, expected >=1.11"]
    assert result.json["extras"]["tune"] == "optuna absent"


def test_a_torch_that_cannot_be_imported_is_named(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    content = cli("doctor", "--json").json
    assert content["devices"] == {}
    assert any("torch cannot be imported" in line for line in content["slow"])


def test_sources_without_an_installation_have_no_extras(cli, monkeypatch):
    def requires(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    assert cli("doctor", "--json").json["extras"] == {}


def test_too_many_threads_and_folders_without_access_are_named(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 999)
    monkeypatch.setattr(doctor, "_matplotlib_cache", lambda: tmp_path / "absent")
    slow = cli("doctor", "--json").json["slow"]
    assert any("999 threads" in line and "OMP_NUM_THREADS" in line for line in slow)
    assert any("absent: not writable (No such file or directory)" in line for line in slow)


@pytest.mark.parametrize(("words", "expected"), [("redcore doc", "doctor"), ("redcore fit --miss", "--missing-rate")])
def test_shell_completion(words, expected):
    environment = os.environ | {
        "_REDCORE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1),
    }  # fmt: skip
    code = "import sys; sys.argv = ['redcore']; from redcore.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert expected in done.stdout.split()
