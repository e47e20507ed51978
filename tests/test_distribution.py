"""Wheel and source distribution: equal bytes in every build, and their contents."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "redcore"


def build(folder: Path) -> dict[str, Path]:
    """Build both distributions as of a fixed time, by file name."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    )
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("hatchling")
    return build(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def wheel(built: dict[str, Path]) -> zipfile.ZipFile:
    (path,) = (path for name, path in built.items() if name.endswith(".whl"))
    return zipfile.ZipFile(path)


def source_files() -> set[str]:
    """All files of the package but compiled ones, relative to `src`."""
    return {
        path.relative_to(ROOT / "src").as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_two_builds_have_equal_bytes(built, tmp_path):
    again = build(tmp_path)
    assert sorted(again) == sorted(built)
    assert all(again[name].read_bytes() == built[name].read_bytes() for name in built)


def test_the_wheel_contains_the_package_and_nothing_else(wheel):
    files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert files == source_files()
    kinds = {Path(name).suffix for name in files}
    assert kinds == {".py", ".typed", ".toml", ".j2", ".js", ".css"}
    assert not any("test_" in name or "conftest" in name for name in files)


def test_the_metadata_names_the_licence_and_optional_dependencies(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert {"tune", "serve", "onnx", "hdf5", "omics"} <= set(metadata.get_all("Provides-Extra"))
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_the_source_distribution_has_neither_tests_nor_records(built):
    (path,) = (path for name, path in built.items() if name.endswith(".tar.gz"))
    with tarfile.open(path) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    others = {name for name in files if not name.startswith("src/redcore/")}
    assert others == {
        "CHANGELOG.md", "CITATION.cff", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore",
    }  # fmt: skip
    assert {name.removeprefix("src/") for name in files - others} == source_files()
