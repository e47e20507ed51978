"""Discovery of plug-ins: modules of this package, entry points of other distributions, and dotted names.

A plug-in is a method, balancing rule, encoder, loss, missing protocol, format, data set, score, extractor or
preset.

- Each public module of a package, such as `redcore.methods`, is one plug-in.
- A distribution adds plug-ins of other kinds than presets by entry points; `GROUPS` lists their groups.
- A dotted name, such as ``"package.module:Attribute"``, stands for any object that can be imported.

A plug-in is imported when it is used, except that all formats and scores are imported to recognise a file and to score
predictions.
"""

import ast
import importlib
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redcore._version import __version__
from redcore.exceptions import PlugInError, PlugInWarning, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUPS",
    "check_interface",
    "check_name",
    "dotted_name",
    "is_known",
    "load",
    "name_of",
    "names",
    "origin",
    "provenance",
    "summary",
    "usable",
]

GROUPS = {
    "redcore.methods": "redcore.methods",
    "redcore.balancing": "redcore.balancing",
    "redcore.nn.encoders": "redcore.encoders",
    "redcore.nn.losses": "redcore.losses",
    "redcore.missing": "redcore.missing",
    "redcore.data.formats": "redcore.formats",
    "redcore.datasets": "redcore.datasets",
    "redcore.metrics": "redcore.scores",
    "redcore.extract.extractors": "redcore.extractors",
}
"""Group of entry points by package."""

_IDENTIFIERS = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_DOTTED = re.compile(f"{_IDENTIFIERS}:{_IDENTIFIERS}")


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


def _modules(package: str) -> list[str]:
    """Return the names of the public modules of `package`."""
    modules = pkgutil.iter_modules([str(_folder(package))])
    return sorted(module.name for module in modules if not module.name.startswith("_"))


@lru_cache(maxsize=1)
def _all_entry_points(path: tuple[str, ...]) -> dict[str, dict[str, list["EntryPoint"]]]:
    """Return the entry points of all distributions on `path` by group and name, for the groups in `GROUPS`."""
    from importlib.metadata import entry_points

    installed = entry_points()
    by_group: dict[str, dict[str, list[EntryPoint]]] = {group: {} for group in GROUPS.values()}
    for group, by_name in by_group.items():
        for entry in installed.select(group=group):
            by_name.setdefault(entry.name, []).append(entry)
    return by_group


def _entry_points(package: str) -> dict[str, list["EntryPoint"]]:
    return _all_entry_points(tuple(sys.path))[GROUPS[package]] if package in GROUPS else {}


def _unique_entry_point(package: str, name: str, kind: str) -> "EntryPoint | None":
    """Return the entry point `name`, or None for a module of `package`.

    Raises
    ------
    UnknownNameError
        If there is no such plug-in.
    PlugInError
        If there are several. The message lists their origins.
    """
    entries = _entry_points(package).get(name, [])
    own = [f"redcore {__version__}"] if name in _modules(package) else []
    origins = [*own, *map(_origin, entries)]
    if not origins:
        raise UnknownNameError(kind, name, names(package))
    if len(origins) > 1:
        raise PlugInError(f"{kind} {name!r} is defined by {' and by '.join(origins)}: expected one; remove the others")
    return entries[0] if entries else None


def _origin(entry: "EntryPoint") -> str:
    return "an unknown distribution" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def names(package: str) -> list[str]:
    """Return the sorted names of the plug-ins of `package`, without importing them.

    Examples
    --------
    >>> names("redcore.missing")
    ['bernoulli', 'block', 'correlated', ...]
    """
    return sorted({*_modules(package), *_entry_points(package)})


def _is_dotted(package: str, name: str) -> bool:
    return package in GROUPS and _DOTTED.fullmatch(name) is not None


def is_known(package: str, name: str) -> bool:
    """Return True if `name` is the name of a plug-in of `package`, or a dotted name."""
    return _is_dotted(package, name) or name in names(package)


def check_name(package: str, name: str, kind: str) -> None:
    """Raise an error if `load` would, but import the plug-in only if `name` is a dotted name."""
    if _is_dotted(package, name):
        load(package, name, kind)
    else:
        _unique_entry_point(package, name, kind)


def load(package: str, name: str, kind: str) -> Any:
    """Import a plug-in.

    Parameters
    ----------
    package : str
        Dotted name of the package that holds the plug-ins of this kind.
    name : str
        One of `names`, or a dotted name such as ``"package.module:Attribute"``.
    kind : str
        Kind of plug-in, for the error message, such as ``"missing protocol"``.

    Returns
    -------
    module or object
        The module of `package`, or the object to which the entry point or the dotted name refers.

    Raises
    ------
    UnknownNameError
        If there is no such plug-in. The message lists the known ones.
    PlugInError
        If several plug-ins have this name, or if the plug-in cannot be imported.
    """
    if _is_dotted(package, name):
        return _imported(name, f"{kind} {name!r}")
    entry = _unique_entry_point(package, name, kind)
    if entry is None:
        return importlib.import_module(f"{package}.{name}")
    return _imported(entry.value, f"{kind} {name!r} of {_origin(entry)}")


def _imported(reference: str, subject: str) -> Any:
    """Return the object ``"module:attribute"`` or the module; an error names the `subject`."""
    module, _, attribute = reference.partition(":")
    try:
        imported = importlib.import_module(module)
        return attrgetter(attribute)(imported) if attribute else imported
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "")
        raise PlugInError(f"{subject} cannot be imported: {type(error).__name__}: {reason}") from error


def usable(package: str, kind: str) -> dict[str, Any]:
    """Import all plug-ins of `package` and return them by name, those of this package first.

    Warns
    -----
    PlugInWarning
        Once for each plug-in of another distribution that cannot be imported. It is left out.
    """
    plug_ins = {name: importlib.import_module(f"{package}.{name}") for name in _modules(package)}
    for name in sorted(_entry_points(package)):
        _unique_entry_point(package, name, kind)
        try:
            plug_ins[name] = load(package, name, kind)
        except PlugInError as error:
            _warn_once(str(error))
    return plug_ins


@cache
def _warn_once(message: str) -> None:
    warnings.warn(PlugInWarning(message), stacklevel=3)


def check_interface(plug_in: Any, attributes: Iterable[str], subject: str) -> Any:
    """Return a plug-in with the attributes of its kind; a class is instantiated without arguments.

    Parameters
    ----------
    plug_in : object
    attributes : iterable of str
    subject : str
        Kind and name of the plug-in for the error message, such as ``"format 'tape'"``.

    Raises
    ------
    PlugInError
        If an attribute is missing.
    """
    absent = [name for name in attributes if not hasattr(plug_in, name)]
    if absent:
        raise PlugInError(f"{subject}: expected the attributes {', '.join(attributes)}; missing: {', '.join(absent)}")
    return plug_in() if isinstance(plug_in, type) else plug_in


def dotted_name(plug_in: Any) -> str:
    """Return the name by which a class or function can be imported; text is returned unchanged.

    Raises
    ------
    PlugInError
        If it is not defined at the top level of a module, so that no other process could import it.

    Examples
    --------
    >>> dotted_name(UnknownNameError)
    'redcore.exceptions:UnknownNameError'
    """
    if isinstance(plug_in, str):
        return plug_in
    module, name = getattr(plug_in, "__module__", None), getattr(plug_in, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or _DOTTED.fullmatch(f"{module}:{name}") is None:
        raise PlugInError(
            f"expected a name, or a class or function at the top level of a module, got {plug_in!r}; a saved model "
            "records the name by which it is imported"
        )
    return f"{module}:{name}"


def name_of(package: str, plug_in: Any) -> str:
    """Return the name of a class: that of its module in `package`, or the dotted name of a class defined elsewhere."""
    parent, _, module = plug_in.__module__.rpartition(".")
    return module if parent == package else dotted_name(plug_in)


def origin(package: str, name: str) -> str:
    """Return name and version of the distribution that defines a plug-in; several are joined by ``" and "``."""
    own = [f"redcore {__version__}"] if name in _modules(package) else []
    return " and ".join([*own, *map(_origin, _entry_points(package).get(name, []))])


def provenance(package: str, name: str) -> dict[str, str]:
    """Return kind, name, distribution and version of a plug-in from another distribution; empty for one of redcore.

    The version is empty if no distribution contains the module of a dotted name and the module states none.
    """
    if not _is_dotted(package, name):
        entries = _entry_points(package).get(name, [])
        dist = entries[0].dist if entries else None
        known = None if dist is None else (dist.name, dist.version)
    else:
        known = _distribution(name.partition(":")[0].partition(".")[0])
    if known is None:
        return {}
    return {"kind": GROUPS[package], "name": name, "distribution": known[0], "version": known[1]}


def _distribution(top_level: str) -> tuple[str, str] | None:
    """Return name and version of the distribution that contains a top-level package; None for redcore."""
    from importlib.metadata import packages_distributions, version

    if top_level == "redcore":
        return None
    distributions = packages_distributions().get(top_level, [])
    if distributions:
        return distributions[0], version(distributions[0])
    return top_level, str(getattr(sys.modules.get(top_level), "__version__", ""))


def summary(package: str, name: str) -> str:
    """Return the first line of the docstring of a plug-in, without its final period.

    A module of `package` is not imported. A plug-in of another distribution is imported; if this fails, the error is
    returned.
    """
    if name in _modules(package):
        path = _folder(package) / name
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        doc = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    else:
        try:
            doc = load(package, name, "plug-in").__doc__ or ""
        except PlugInError as error:
            doc = str(error)
    return doc.strip().partition("\n")[0].rstrip(".")
