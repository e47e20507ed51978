"""The template of a plug-in is installed outside of the tree, and passes its own tests there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "examples" / "plugin"


def run(*arguments, cwd, path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_template_passes_its_tests_outside_of_the_tree(tmp_path):
    source, site = tmp_path / "plugin", tmp_path / "site"
    shutil.copytree(TEMPLATE, source)
    install = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", site, source)
    run(*install, cwd=tmp_path, path=())
    path = (site, ROOT / "src")
    assert " passed" in run("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests", cwd=source, path=path)
    (line,) = (one for one in run("redcore", "list", "rules", cwd=tmp_path, path=path).splitlines() if "largest" in one)
    assert line.endswith("[redcore-plugin-example 0.1.0]")


def test_each_plug_in_of_the_template_is_short():
    for file in (TEMPLATE / "src" / "redcore_plugin_example").glob("*.py"):
        assert len(file.read_text().splitlines()) <= 30, file
