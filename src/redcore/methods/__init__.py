"""Methods, one module each: RedCore and what it is compared with, under one interface.

A module offers ``METHOD``, a subclass of `redcore.methods.Method`, and ``SOURCE``, where the method comes from.
"""

from collections.abc import Mapping
from typing import Any, cast

from redcore._discovery import load
from redcore.exceptions import SettingsError
from redcore.methods._base import (
    CodeSettings,
    FusionSettings,
    Method,
    MethodSettings,
    ModalityForm,
    NetworkMethod,
    StackedEnsemble,
    StackingSettings,
    TableMethod,
)
from redcore.methods._presets import read_preset

__all__ = [
    "CodeSettings",
    "FusionSettings",
    "Method",
    "MethodSettings",
    "ModalityForm",
    "NetworkMethod",
    "StackedEnsemble",
    "StackingSettings",
    "TableMethod",
    "make_method",
    "method_class",
    "preset_settings",
]


def method_class(name: str) -> type[Method]:
    """Return the class of a method by its name.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    """
    return cast(type[Method], load(__name__, name, "method").METHOD)


def preset_settings(preset: str) -> tuple[str, dict[str, Any]]:
    """Return the method of a preset, by its name or the path of a preset file, and the settings that it changes."""
    if preset.endswith(".json"):
        return read_preset(preset)
    module = load("redcore.presets", preset, "preset")
    return module.METHOD, dict(module.SETTINGS)


def make_method(
    method: str = "redcore", preset: str | None = None, settings: Mapping[str, Any] | None = None, **options: Any
) -> Method:
    """Make an unfitted method.

    Parameters
    ----------
    method : str, default "redcore"
    preset : str, optional
        Starting point of the settings; must be a preset of this method. Default: the method's defaults.
    settings : mapping, optional
        What to change.
    **options
        Passed to the method, such as ``encoders``.

    Raises
    ------
    UnknownNameError, SettingsError
        On an unknown method, preset or setting, or a value out of bounds.

    Examples
    --------
    >>> make_method("late_fusion", settings={"C": 0.5}).settings.C
    0.5
    """
    cls = method_class(method)
    values: dict[str, Any] = {}
    if preset is not None:
        preset_method, values = preset_settings(preset)
        # "default" stands for the defaults of any method; others belong to one method, or to a special form of it
        if preset_method != method and values:
            special = method_class(preset_method)
            if not issubclass(special, cls):
                raise SettingsError(f"preset {preset!r} belongs to method {preset_method!r}, not {method!r}")
            cls = special
    return cls(cls.Settings.parse({**values, **(settings or {})}), **options)
