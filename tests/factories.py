"""Tiny data and settings that every test can fit in a moment."""

import tempfile
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from redcore._discovery import names
from redcore.methods import PretrainedTableMethod, method_class
from redcore.testing import small_settings
from redcore.testing._data import TARGETS, make_arrays, make_availability, make_data, make_target
from samples import write_weights

__all__ = [
    "ANY_DATA_METHODS",
    "PRETRAINED_METHODS",
    "SURVIVAL_METHODS",
    "TARGETS",
    "load_script",
    "make_arrays",
    "make_availability",
    "make_data",
    "make_target",
    "tiny",
    "tiny_weights",
]

PRETRAINED_METHODS = [
    name
    for name in names("redcore.methods")
    if issubclass(method := method_class(name), PretrainedTableMethod) and find_spec(method.package)
]
"""Methods that need pretrained weights, which `tiny` provides, if their package is installed."""

ANY_DATA_METHODS = [
    name
    for name in names("redcore.methods")
    if (method := method_class(name)).any_data
    and not method.survival_only
    and not issubclass(method, PretrainedTableMethod)
]
"""All methods but those for one data set or for survival only, and those that need pretrained weights."""

SURVIVAL_METHODS = [name for name in names("redcore.methods") if method_class(name).survival_only]
"""All methods that support survival targets only."""


def tiny(method: str, **changes):
    """Return small settings for a method."""
    if method in PRETRAINED_METHODS:
        changes = {"weights": str(tiny_weights(method)), **changes}
    return small_settings(method, **changes)


@cache
def tiny_weights(method: str) -> Path:
    """Return a folder with tiny weights, which is written once per process."""
    return write_weights(method, Path(tempfile.mkdtemp(prefix=f"{method}-")))


def load_script(path: Path) -> ModuleType:
    """Return a script outside of the package as a module."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    return script
