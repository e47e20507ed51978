"""Find plug-ins: one module in a package is one method, protocol, format, data set, rule or preset."""

import ast
import importlib
import pkgutil
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from redcore.exceptions import UnknownNameError

__all__ = ["load", "names", "summary"]


def _folder(package: str) -> Path:
    # only the outermost package is looked up: to find an inner one, Python would import what is around it
    outermost, *inner = package.split(".")
    spec = find_spec(outermost)
    locations = [] if spec is None else spec.submodule_search_locations or []
    for location in locations:
        folder = Path(location, *inner)
        if (folder / "__init__.py").is_file():
            return folder
    raise ModuleNotFoundError(f"{package!r} is not a package")


def names(package: str) -> list[str]:
    """Return the sorted public module names of `package`, without importing them.

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
        Module name, as `names` lists it.
    kind : str
        What one plug-in is called in the error message.

    Raises
    ------
    UnknownNameError
        If there is no such module; the message lists the known ones.
    """
    known = names(package)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return importlib.import_module(f"{package}.{name}")


def summary(package: str, name: str) -> str:
    """Return the first line of the docstring of module `name`, without importing it."""
    path = _folder(package) / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0].rstrip(".")
