"""Fixtures that all tests share."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from redcore.cli import main

SLOW = (
    "benchmark", "cli", "contract/test_encoder_contract.py", "contract/test_method_contract.py", "docs", "estimators",
    "explain/test_features.py", "extract/test_pretrained.py", "extract/test_processes.py", "fuzz", "methods", "pages",
    "serving", "shared_data", "test_distribution.py", "test_extras.py",
    "test_other_distributions.py", "test_plug_ins.py", "test_readme.py", "test_template.py",
    "training/test_processes.py",
)  # fmt: skip
"""Folders and files that `make test-fast` leaves out, since they take most of the time of the suite."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in `SLOW`; a new test is fast until it is named there."""
    tests = Path(__file__).parent
    slow = [tests / place for place in SLOW]
    for item in items:
        if any(item.path.is_relative_to(place) for place in slow):
            item.add_marker("slow")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Tiny matrices run faster on one thread, and tests then do not depend on the machine's cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data sets, or skip."""
    folder = Path(os.environ.get("REDCORE_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data sets are not here: no folder {folder} (set REDCORE_DATA)")
    return folder


class Result(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """All of stdout as one JSON object."""
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return run
