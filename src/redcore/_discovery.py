"""Discovery of plug-ins: each public module of a package is one method, protocol, format, data set, rule or preset."""

import ast
import importlib
import pkgutil
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from redcore.exceptions import UnknownNameError

__all__ = ["load", "names", "summary"]


def _folder(package: str) -> Path:
    # find_spec imports the parents of a nested package, so only the outermost package is looked up with it
    outermost, *inner = package.split(".")
    spec = find_spec(outermost)
    locations = [] if spec is None else spec.submodule_search_locations or []
    for location in locations:
        folder = Path(location, *inner)
        if (folder / "__init__.py").is_file():
            return folder
    raise ModuleNotFoundError(f"{package!r} is not a package")


def names(package: str) -> list[str]:
    """Return the sorted names of the public modules of `package`, without importing them.

    Examples
    --------
    >>> names("redcore.missing")
    ['bernoulli', 'block', 'correlated', ...]
    """
    modules = pkgutil.iter_modules([str(_folder(package))])
    return sorted(module.name for module in modules if not module.name.startswith("_"))


def load(package: str, name: str, kind: str) -> ModuleType:
    """Import the module `name` of `package`.

    Parameters
    ----------
    package : str
        Dotted name of the package that holds the plug-ins.
    name : str
        Module name, one of `names`.
    kind : str
        Kind of plug-in, for the error message, such as ``"missing protocol"``.

    Raises
    ------
    UnknownNameError
        If the package has no such module. The message lists the known ones.
    """
    known = names(package)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return importlib.import_module(f"{package}.{name}")


def summary(package: str, name: str) -> str:
    """Return the first docstring line of module `name`, without its final period and without importing the module."""
    path = _folder(package) / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0].rstrip(".")
