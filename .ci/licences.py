"""List the licences of the packages that redcore installs, and fail if a required one is unknown or not permissive.

Licences come from the metadata of the installed packages. Optional dependencies are listed too, if they are installed.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|MPL|Mozilla|HPND|Zlib|Unlicense|CC0|0BSD", re.IGNORECASE
)
COPYLEFT = re.compile(r"\bA?GPL|LGPL|GNU", re.IGNORECASE)
TOOLS = ("dev", "docs", "pages")


def required(name: str, extras: tuple[str, ...] = ("",)) -> Iterator[str]:
    """Yield the direct requirements of a package that apply here, with one of the extras."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement.name.lower().replace("_", "-")


def closure(names: set[str]) -> set[str]:
    """Return the packages and all that they require, without packages that are not installed."""
    waiting, known = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in known:
            try:
                waiting += required(name)
                known.add(name)
            except PackageNotFoundError:
                continue
    return known


def licence(name: str) -> str:
    """Return the licence of an installed package: the expression, the classifiers, or the first line of the text."""
    metadata = distribution(name).metadata
    classifiers = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if "License" in line]
    text = (metadata.get("License") or "").strip().splitlines()
    return metadata.get("License-Expression") or ", ".join(classifiers) or (text[0] if text else "unknown")


def main() -> int:
    """Print the table and return the exit status."""
    extras = set(distribution("redcore").metadata.get_all("Provides-Extra") or ()) - set(TOOLS)
    needed = closure(set(required("redcore")))
    optional = closure(set(required("redcore", tuple(extras)))) - needed
    doubtful = []
    for kind, names in (("required", needed), ("optional", optional)):
        for name in sorted(names):
            terms = licence(name)
            print(f"{kind:9} {name:28} {distribution(name).version:16} {terms[:80]}")
            # a licence with a choice counts as permissive
            if kind == "required" and not PERMISSIVE.search(terms):
                doubtful.append(f"{name}: {terms}")
            elif COPYLEFT.search(terms):
                print(f"{'':9} note: copyleft licence of the {kind} package {name}")
    for line in doubtful:
        print(f"expected a permissive licence, got {line}", file=sys.stderr)
    return int(bool(doubtful))


if __name__ == "__main__":
    sys.exit(main())
