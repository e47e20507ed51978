import json
import subprocess
import sys

import pytest

from redcore._discovery import names
from redcore._version import __version__
from redcore.cli.list import PACKAGES

SLOW_PACKAGES = ("torch", "lightning", "lightning_fabric", "sklearn", "scipy", "matplotlib", "pyarrow", "pandas")
COMMANDS = {
    "help": "from redcore.cli import main; assert main(['--help']) == 0",
    "command help": "from redcore.cli import main; assert main(['fit', '--help']) == 0",
    **{f"list {kind}": f"from redcore.cli import main; assert main(['list', '{kind}']) == 0" for kind in PACKAGES},
    "import": "import redcore; redcore.__version__; dir(redcore)",
    "bad command": "from redcore.cli import main; assert main(['nosuch']) == 2",
}


@pytest.mark.parametrize("code", COMMANDS.values(), ids=COMMANDS)
def test_no_slow_package_is_imported(code):
    check = f"import sys; {code}; print([name for name in {SLOW_PACKAGES} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("kind", PACKAGES)
def test_all_plug_ins_are_listed_with_a_summary(cli, kind):
    result = cli("list", kind)
    assert result.status == 0
    assert [line.split()[0] for line in result.out.splitlines()] == names(PACKAGES[kind])
    assert all(len(line.split()) > 1 for line in result.out.splitlines())


@pytest.mark.parametrize("kind", PACKAGES)
def test_json_holds_names_and_summaries(cli, kind):
    content = json.loads(cli("list", kind, "--json").out)
    assert list(content) == [kind, "origins"]
    assert set(content["origins"].values()) == {f"redcore {__version__}"}
    assert list(content[kind]) == names(PACKAGES[kind])
    assert all(content[kind].values())


@pytest.mark.parametrize(
    ("kind", "name"),
    [("presets", "aaai2024"), ("protocols", "imbalanced"), ("methods", "redcore"), ("datasets", "digits"),
     ("encoders", "transformer"), ("losses", "focal"), ("rules", "relative_advantage"), ("formats", "npz"),
     ("extractors", "egemaps")],
)  # fmt: skip
def test_bundled_plug_ins_are_listed(cli, kind, name):
    assert f"\n{name} " in f"\n{cli('list', kind).out}"


def test_help_names_every_command(cli):
    result = cli("--help")
    assert result.status == 0
    assert all(command in result.out for command in ("demo", "fit", "evaluate", "predict", "list"))
    assert cli("-h").out == result.out
    assert cli().status == 2


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "redcore", "list", "methods"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "late_fusion" in done.stdout
