"""Test the wheel under each Python version at hand, and with the lowest versions that pyproject.toml allows.

`make matrix` runs it. Each row installs the wheel in a fresh environment of uv. Without optional dependencies it runs
`.ci/smoke.py`, and otherwise the fast tests. A version of Python that uv neither finds nor downloads is listed as
absent. The exit status is 1 if a row failed, or if a version named by --python is absent.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SHOWN = ("torch", "numpy", "scipy", "scikit-learn", "pydantic", "typer", "pyarrow")


class Row(NamedTuple):
    """One environment: a version of Python, an extra or none, and the lowest or the newest versions of packages."""

    python: str
    extra: str
    resolution: str

    def name(self) -> str:
        """Return a short description."""
        return f"{self.python} {self.extra or 'no extras'}, {self.resolution}"


ROWS = (
    Row("3.11", "", "lowest-direct"),
    Row("3.11", "dev", "lowest-direct"),
    *(Row(python, extra, "highest") for python in PYTHONS for extra in ("", "dev")),
)


def run_row(row: Row, wheel: Path, folder: Path) -> tuple[str, str]:
    """Return the result of a row in one word or line, and the output of the command that decided it."""
    python = folder / "bin" / "python"
    extra = ["--extra", row.extra] if row.extra else []
    # the requirements of pyproject.toml are direct ones, those of a wheel would not be
    requirements = ["-r", str(ROOT / "pyproject.toml"), "--resolution", row.resolution, *extra]
    steps = {
        "environment": ["uv", "venv", "--quiet", "--no-project", "--python", row.python, str(folder)],
        "installation": ["uv", "pip", "install", "--quiet", "--python", str(python), *requirements],
        "wheel": ["uv", "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(wheel)],
        "tests": [str(python), *_tests(row)],
    }
    for step, command in steps.items():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            verdict = "absent" if step == "environment" else "failed"
            return f"{verdict}: {step}", done.stdout + done.stderr
    listed = subprocess.run(["uv", "pip", "list", "--python", str(python)], capture_output=True, text=True).stdout
    versions = dict(line.split()[:2] for line in listed.splitlines() if len(line.split()) == 2)
    return "passed: " + ", ".join(f"{name} {versions.get(name, '?')}" for name in SHOWN), done.stdout


def _tests(row: Row) -> list[str]:
    if not row.extra:
        return [str(ROOT / ".ci" / "smoke.py")]
    # old releases use names that newer ones of their own dependencies deprecate
    ignored = ("DeprecationWarning", "FutureWarning") if row.resolution == "lowest-direct" else ()
    quiet = [option for warning in ignored for option in ("-W", f"ignore::{warning}")]
    return ["-m", "pytest", "-p", "no:cacheprovider", "-q", *quiet, "-m", "not slow", str(ROOT / "tests")]


def main() -> int:
    """Run the rows and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", action="append", help="version of Python; repeatable; default: all")
    parser.add_argument("--without-tests", action="store_true", help="run the rows without extras only")
    parser.add_argument("--out", type=Path, default=Path("build/matrix"), help="folder for the output of each row")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    has_failed = False
    for row in ROWS:
        if row.python not in (arguments.python or PYTHONS) or (arguments.without_tests and row.extra):
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            result, output = run_row(row, arguments.wheel.resolve(), Path(folder) / "environment")
        (arguments.out / f"{row.name().replace(' ', '-').replace(',', '')}.txt").write_text(output, encoding="utf-8")
        print(f"{row.name():32} {result} ({time.monotonic() - start:.0f} s)", flush=True)
        has_failed |= result.startswith("failed") or (result.startswith("absent") and bool(arguments.python))
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
