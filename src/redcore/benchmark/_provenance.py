"""What a result was computed with: code, packages, machine."""

import os
import platform
import re
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["git_state", "machine", "versions"]

PACKAGES = ("redcore", "torch", "lightning-fabric", "numpy", "scipy", "scikit-learn")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make numbers."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


@lru_cache(maxsize=1)
def git_state() -> dict[str, str]:
    """Return ``commit`` and ``changes`` ("yes" or "no", of the package's files) where this package is in a checkout."""
    package = Path(__file__).resolve().parents[1]
    try:
        commit = _git(package, "rev-parse", "HEAD")
        # an installed package may lie in somebody else's checkout
        if not _git(package, "ls-files", "__init__.py"):
            return {}
        changes = _git(package, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit, "changes": "yes" if changes else "no"}


def _git(folder: Path, *arguments: str) -> str:
    # without locks: a benchmark must not disturb work on the checkout
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


@lru_cache(maxsize=1)
def machine() -> dict[str, str]:
    """Return ``system``, ``cpu``, ``n_cores``, and ``gpu`` where there is one that torch can use."""
    import torch

    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {"system": platform.system(), "cpu": _cpu(), "n_cores": str(os.cpu_count()), **gpu}


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()
