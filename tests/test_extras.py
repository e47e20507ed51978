"""Errors for optional dependencies that are not installed."""

import subprocess
import sys
from importlib import import_module

import pytest

from redcore._extras import imports_of_extra, is_installed
from redcore.exceptions import MissingExtraError

CODE = """
import sys
sys.modules[{package!r}] = None
import {module}
"""


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("redcore.serving", "fastapi", "serve"),
        ("redcore.serving", "uvicorn", "serve"),
        ("redcore.tuning", "optuna", "tune"),
    ],
)
def test_imports_name_the_extra(module, package, extra):
    code = CODE.format(package=package, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "MissingExtraError" in last
    assert f"pip install 'redcore[{extra}]'" in last


def test_the_error_is_an_import_error():
    message = r"package no_such is not installed: pip install 'redcore\[tune\]'"
    with pytest.raises(ImportError, match=message), imports_of_extra("tune"):
        import_module("no_such")


def test_a_package_that_is_broken_is_not_called_absent(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise ImportError('libbroken.so: absent', name='broken_package')")
    monkeypatch.syspath_prepend(tmp_path)
    message = r"broken_package cannot be imported \(libbroken\.so: absent\)"
    with pytest.raises(MissingExtraError, match=message), imports_of_extra("tune"):
        import_module("broken_package")


def test_nested_imports_name_the_package_once():
    message = r"^package no_such is not installed: pip install 'redcore\[serve\]'$"
    with pytest.raises(MissingExtraError, match=message), imports_of_extra("serve"), imports_of_extra("serve"):
        import_module("no_such")


def test_an_internal_import_error_stays():
    with pytest.raises(ImportError) as caught, imports_of_extra("tune"):
        import_module("redcore.no_such")
    assert not isinstance(caught.value, MissingExtraError)


def test_a_folder_is_not_an_installed_package(tmp_path, monkeypatch):
    (tmp_path / "tabnone").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed("tabnone")
    assert not is_installed("no_such")
    assert is_installed("numpy")
