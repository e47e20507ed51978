"""Provenance of a result: package versions, state of the git checkout, and machine."""

import os
import platform
import re
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from redcore._version import __version__

__all__ = ["git_state", "machine", "versions"]

PACKAGES = ("torch", "lightning-fabric", "numpy", "scipy", "scikit-learn", "safetensors")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of redcore, Python and the packages that results depend on, by name."""
    return {
        "redcore": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


@lru_cache(maxsize=1)
def git_state() -> dict[str, str]:
    """Return the git state of this package; empty if the package is not in a git checkout.

    ``commit`` is the hash of HEAD. ``changes`` is "yes" if files of the package differ from it, else "no".
    """
    package = Path(__file__).resolve().parent
    try:
        commit = _git(package, "rev-parse", "HEAD")
        # an installed package can lie in the checkout of another project
        if not _git(package, "ls-files", "__init__.py"):
            return {}
        changes = _git(package, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit, "changes": "yes" if changes else "no"}


def _git(folder: Path, *arguments: str) -> str:
    # locks would interfere with other git commands in the checkout
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


@lru_cache(maxsize=1)
def machine() -> dict[str, str]:
    """Return ``system``, ``cpu``, ``n_cores``, and ``gpu`` if torch finds one."""
    import torch

    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {"system": platform.system(), "cpu": _cpu(), "n_cores": str(os.cpu_count()), **gpu}


def _cpu() -> str:
    try:
        model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    return model[1] if model else platform.processor() or platform.machine()
