"""Each kind of plug-in is added by one file: a copy of the package with that file has it, tested from outside."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import redcore
from redcore.cli.list import PACKAGES

TESTS = Path(__file__).parent
PLUG_INS = TESTS / "plug_ins"
KINDS = {package.removeprefix("redcore.").replace(".", "/"): kind for kind, package in PACKAGES.items()}
KINDS["metrics"] = "scores"
ADDED = [path.relative_to(PLUG_INS) for path in sorted(PLUG_INS.rglob("*.py"))]

DATA = """
from factories import make_data, tiny
from redcore.methods import make_method
data = make_data()
"""
FIT_REDCORE = (
    DATA
    + """
settings = tiny("redcore", {setting}="{name}")
assert make_method("redcore", settings=settings).fit(data, seed=0).predict(data).shape == (24, 3)
"""
)
# what a user does with a plug-in of each kind
USE = {
    "methods": DATA + """
assert make_method("{name}", settings=tiny("{name}")).fit(data, seed=0).predict(data).shape == (24, 3)
""",
    "rules": FIT_REDCORE.replace("{setting}", "balancing"),
    "encoders": FIT_REDCORE.replace("{setting}", "encoder"),
    "losses": FIT_REDCORE.replace("{setting}", "loss"),
    "protocols": DATA + """
import numpy as np
from redcore.missing import ampute, takes_rates
rates = dict.fromkeys(data.names, 0.3) if takes_rates("{name}") else dict()
hidden = ampute(data, "{name}", rates, np.random.default_rng(0))
assert hidden.availability.sum() < data.availability.sum()
""",
    "formats": """
from pathlib import Path
from tempfile import TemporaryDirectory
from redcore.data.formats import guess, read
from samples import write_format
with TemporaryDirectory() as folder:
    path = write_format("{name}", Path(folder))
    assert guess(path) == "{name}"
    assert read(path).n_samples > 1
""",
    "extractors": """
from pathlib import Path
from tempfile import TemporaryDirectory
from redcore.data.store import Store
from redcore.extract import extract
from samples.recordings import write_recordings
with TemporaryDirectory() as folder:
    recordings = write_recordings(Path(folder, "recordings"), ("audio",), 3, labels="none")
    extract(recordings, Path(folder, "store"), dict(audio="{name}"))
    assert Store(Path(folder, "store")).read().n_samples == 3
""",
    "scores": """
from factories import TARGETS, make_data
from redcore.methods import make_method
from redcore.metrics import evaluate_patterns, known_scores, score_label
found = 0
for kind in TARGETS:
    data = make_data(kind)
    method = make_method("late_fusion").fit(data)
    pooled = evaluate_patterns(method.predict, data, 0, decide=method.decide).pooled
    assert ("{name}" in pooled) == (data.target.kind in known_scores()["{name}"].kinds)
    found += "{name}" in pooled
assert found and score_label("{name}") != "{name}"
""",
}  # fmt: skip
# tests that take every plug-in of a kind, by file, and which of them run here
HELD_TO = {
    "methods": {
        "contract/test_method_contract.py": "predicts_every_kind or same_seed or prior_flagged or one_modality_only",
        "serving/test_export.py": "every_exportable or no_onnx_form",
        "tuning/test_study.py": "search_spaces",
    },
    "rules": {"balancing/test_rules.py": ""},
    "encoders": {"nn/test_blocks.py": ""},
    "losses": {"nn/test_losses.py": ""},
    "protocols": {"missing/test_mechanisms.py": ""},
    "formats": {"contract/test_format_contract.py": ""},
    "extractors": {"extract/test_extractors.py": ""},
    "scores": {
        "metrics/test_table.py": "direction_of_the_score or ranks_the_better or page",
    },
}


@pytest.fixture(params=ADDED, ids=str)
def added(request, tmp_path) -> tuple[str, str, Path]:
    """Return kind and name of a plug-in, and the folder of a copy of the package that differs by its file only."""
    path = request.param
    package = Path(redcore.__file__).parent
    shutil.copytree(package, tmp_path / "redcore")
    assert not (package / path).exists()
    shutil.copyfile(PLUG_INS / path, tmp_path / "redcore" / path)
    return KINDS[path.parent.as_posix()], path.stem, tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package of `folder` before any other."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)])}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_every_kind_has_a_plug_in_here():
    assert (
        {KINDS[path.parent.as_posix()] for path in ADDED}
        == set(KINDS.values()) - {"presets", "datasets"}
        == set(HELD_TO)
    )


def test_one_file_is_listed_used_and_held_to_the_tests_of_its_kind(added):
    kind, name, folder = added
    if kind in PACKAGES:
        listed = json.loads(python(folder, "-m", "redcore", "list", kind, "--json").stdout)[kind]
        assert listed[name]
    python(folder, "-W", "error", "-c", USE[kind].replace("{name}", name))
    for file, chosen in HELD_TO[kind].items():
        selected = f"{name} and ({chosen})" if chosen else name
        options = ("-p", "no:cacheprovider", "-c", str(TESTS.parent / "pyproject.toml"), "-q", "-k", selected)
        assert " passed" in python(folder, "-m", "pytest", *options, str(TESTS / file)).stdout
