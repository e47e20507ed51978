"""Check before a release that the tag, the package, CITATION.cff and CHANGELOG.md have the same version.

Usage: `python .ci/release_version.py v1.2.3`. It needs no installed package.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def versions() -> dict[str, str]:
    """Return the version in each place."""
    patterns = {
        "src/redcore/_version.py": r'__version__ = "(.+)"',
        "CITATION.cff": r"^version: (.+)$",
        "CHANGELOG.md": r"^## (\S+)",
    }
    found = {"pyproject.toml": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]}
    for name, pattern in patterns.items():
        match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        found[name] = match[1] if match else "no version"
    return found


def main() -> int:
    """Print each place that differs from the tag, and return the exit status."""
    expected = sys.argv[1].removeprefix("v")
    faults = [
        f"{place}: expected version {expected}, got {own}" for place, own in versions().items() if own != expected
    ]
    if re.search(rf"^## {re.escape(expected)} \(unreleased\)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE):
        faults.append(f"CHANGELOG.md: version {expected} is marked as unreleased")
    print("\n".join(faults) or f"version {expected}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
