import sys

import pytest

from redcore._discovery import load, names, summary
from redcore.exceptions import UnknownNameError


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "plugins_for_test"
    (folder / "nested").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Plug-ins."""\n')
    (folder / "zebra.py").write_text('"""Stripes.\n\nMore."""\nVALUE = 3\n')
    (folder / "bare.py").write_text("VALUE = 4\n")
    (folder / "broken.py").write_text('"""Fails on import."""\nraise RuntimeError("imported")\n')
    (folder / "_private.py").write_text("")
    (folder / "nested" / "__init__.py").write_text('"""A folder."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for module in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[module]


def test_names_are_sorted_public_and_found_without_import(package):
    assert names(package) == ["bare", "broken", "nested", "zebra"]
    assert f"{package}.broken" not in sys.modules


def test_new_file_is_a_new_plugin(package, tmp_path):
    (tmp_path / package / "added.py").write_text("")
    assert "added" in names(package)


def test_load_imports_the_module(package):
    assert load(package, "zebra", "animal").VALUE == 3


@pytest.mark.parametrize("name", ["zebar", "_private", "__init__", "nested.x", "", "../zebra"])
def test_load_rejects_names_that_are_not_listed(package, name):
    with pytest.raises(UnknownNameError, match=r"unknown animal .*nown: bare, broken, nested, zebra") as caught:
        load(package, name, "animal")
    assert caught.value.name == name


def test_summary_is_the_first_line_of_the_docstring(package):
    assert summary(package, "zebra") == "Stripes"
    assert summary(package, "bare") == ""
    assert summary(package, "nested") == "A folder"
    assert summary(package, "broken") == "Fails on import"
    assert f"{package}.broken" not in sys.modules


@pytest.mark.parametrize("name", ["no_such_package_here", "json.decoder"])
def test_error_if_not_a_package(name):
    with pytest.raises(ModuleNotFoundError, match=name):
        names(name)


def test_missing_protocols_and_formats_are_found():
    assert {"imbalanced", "shared"} <= set(names("redcore.missing"))
    assert "npz" in names("redcore.data.formats")
