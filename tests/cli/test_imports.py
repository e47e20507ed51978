"""Packages and modules that a command must not import, since each costs start-up time."""

import subprocess
import sys

import pytest

from redcore.runs import fit_run

TRAINING = (
    "lightning_fabric", "redcore.fitting._processes", "redcore.fitting._stepper", "redcore.fitting._trainer",
    "redcore.tuning", "torch._dynamo",
)  # fmt: skip
SLOW = ("matplotlib", "pandas", "scipy", "sklearn")


def imported(code, names):
    """Run `code` in a new process and return those of `names` that it has imported at its end."""
    shown = f"{code}\nimport sys; print('imported', *(name for name in {names} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    fit_run("wine", folder, settings={"max_epochs": 2})
    return folder


def test_prediction_imports_neither_training_nor_statistics(run_folder):
    fit_run("digits", run_folder.with_name("digits"), settings={"max_epochs": 1, "n_members": 1})
    for name in ("out.csv", "out.parquet"):
        arguments = ["predict", str(run_folder.with_name("digits")), "digits", "--out", str(run_folder.with_name(name))]
        code = f"from redcore.cli import main; assert main({arguments}) == 0"
        assert imported(code, (*TRAINING, *SLOW)) == []


def test_loading_a_model_imports_no_estimator(run_folder):
    code = f"from redcore import load_model; load_model({str(run_folder)!r})"
    assert imported(code, (*TRAINING, *SLOW, "redcore.estimators", "redcore.report")) == []


STOP_AT_FIRST_STEP = """
from redcore.fitting import Callback, Stepper
from redcore.cli import main
update = Stepper.update
def checked(self, *arguments, **options):
    update(self, *arguments, **options)
    import sys
    print('imported', *(name for name in {names} if name in sys.modules), flush=True)
    import os
    os._exit(0)
Stepper.update = checked
main({arguments})
"""


def test_fit_imports_no_slow_package_before_its_first_step(tmp_path):
    names = (*SLOW, "lightning_fabric", "pyarrow.compute", "redcore.estimators", "redcore.report", "redcore.benchmark")
    code = STOP_AT_FIRST_STEP.format(names=names, arguments=["fit", "digits", "--out", str(tmp_path / "run")])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["imported"], done.stderr


def test_bf16_trains_with_fabric_and_single_precision_without():
    code = """
from redcore.methods import make_method
from redcore import load_dataset
make_method("redcore", settings={"max_epochs": 1, "precision": %r}).fit(load_dataset("digits").part("test"))
"""
    assert imported(code % "32-true", ("lightning_fabric",)) == []
    assert imported(code % "bf16-mixed", ("lightning_fabric",)) == ["lightning_fabric"]
