"""Methods, one module each: RedCore and baselines with a common interface.

A module defines ``METHOD``, a subclass of `redcore.methods.Method`, and ``SOURCE``, the publication or origin of the
method.
"""

from collections.abc import Mapping
from typing import Any, cast

from redcore import _defaults
from redcore._discovery import load
from redcore.exceptions import SettingsError
from redcore.methods._base import (
    CodeSettings,
    FusionSettings,
    LinearTableMethod,
    Method,
    MethodSettings,
    ModalityForm,
    NetworkMethod,
    PretrainedTableMethod,
    TableMethod,
)
from redcore.methods._presets import read_preset

__all__ = [
    "CodeSettings",
    "FusionSettings",
    "LinearTableMethod",
    "Method",
    "MethodSettings",
    "ModalityForm",
    "NetworkMethod",
    "PretrainedTableMethod",
    "TableMethod",
    "make_method",
    "method_class",
    "method_name",
    "preset_settings",
]


def method_class(name: str) -> type[Method]:
    """Return the class of the method `name`.

    Raises
    ------
    UnknownNameError
        If the method does not exist.
    """
    return cast(type[Method], load(__name__, name, "method").METHOD)


def preset_settings(preset: str) -> tuple[str, dict[str, Any]]:
    """Return the method and the settings of a preset, which is given by its name or the path of a preset file."""
    if preset.endswith(".json"):
        return read_preset(preset)
    module = load("redcore.presets", preset, "preset")
    return module.METHOD, dict(module.SETTINGS)


def method_name(method: str | None = None, preset: str | None = None) -> str:
    """Return the name of the method that `make_method` makes: `method`, else that of the preset, else "stacked"."""
    if method is not None:
        return method
    return _defaults.METHOD if preset is None else preset_settings(preset)[0]


def make_method(
    method: str | None = None, preset: str | None = None, settings: Mapping[str, Any] | None = None, **options: Any
) -> Method:
    """Create an unfitted method.

    Parameters
    ----------
    method : str, optional
        Default: the method of the preset; without a preset "stacked", which is stacking around "redcore".
    preset : str, optional
        Preset, or path of a preset file, whose settings replace the defaults. It must be a preset of this method.
    settings : mapping, optional
        Settings that replace those of the preset.
    **options
        Further arguments of the method, such as ``encoders``.

    Raises
    ------
    UnknownNameError, SettingsError
        If the method, the preset or a setting is unknown, or if a value is out of bounds.

    Examples
    --------
    >>> make_method("late_fusion", settings={"C": 0.5}).settings.C
    0.5
    """
    cls = method_class(method_name(method, preset))
    values: dict[str, Any] = {}
    if preset is not None:
        preset_method, values = preset_settings(preset)
        # "default" stands for the defaults of any method; others belong to one method, or to a subclass of it
        if preset_method != method and values:
            special = method_class(preset_method)
            if not issubclass(special, cls):
                raise SettingsError(f"preset {preset!r} belongs to method {preset_method!r}, not {method!r}")
            cls = special
    return cls(cls.Settings.parse({**values, **(settings or {})}), **options)
