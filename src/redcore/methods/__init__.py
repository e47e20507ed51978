"""Methods, one module each: RedCore and baselines with a common interface.

A module defines ``METHOD``, a subclass of `redcore.methods.Method`, and ``SOURCE``, the publication or origin of the
method. A method of another distribution is such a module, or the class itself.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from redcore import _defaults
from redcore._discovery import load, name_of
from redcore.exceptions import PlugInError, SettingsError
from redcore.methods._base import (
    CodeSettings,
    EncoderChoice,
    FusionSettings,
    LatentCodes,
    LinearTableMethod,
    Method,
    MethodSettings,
    ModalityForm,
    NetworkMethod,
    PretrainedTableMethod,
    TableMethod,
    Temperature,
    importable_encoders,
    with_encoders,
)
from redcore.methods._presets import read_preset

__all__ = [
    "CodeSettings",
    "EncoderChoice",
    "FusionSettings",
    "LatentCodes",
    "LinearTableMethod",
    "Method",
    "MethodLike",
    "MethodSettings",
    "ModalityForm",
    "NetworkMethod",
    "PretrainedTableMethod",
    "TableMethod",
    "Temperature",
    "importable_encoders",
    "make_method",
    "method_class",
    "method_name",
    "preset_settings",
    "with_encoders",
]


MethodLike = str | type[Method] | Method
"""Name of a method (see 'redcore list methods'), dotted name, class, or unfitted method."""


def method_class(method: MethodLike) -> type[Method]:
    """Return the class of a method, which is given by its name, a dotted name, an instance, or the class itself.

    Raises
    ------
    UnknownNameError
        If the method does not exist.
    PlugInError
        If it cannot be imported, or is not a subclass of `Method`.
    """
    if isinstance(method, Method):
        return type(method)
    plug_in = load(__name__, method, "method") if isinstance(method, str) else method
    cls = getattr(plug_in, "METHOD", plug_in)
    if not isinstance(cls, type) or not issubclass(cls, Method):
        raise PlugInError(f"method {method!r}: expected a subclass of redcore.methods.Method, got {cls!r}")
    return cls


def preset_settings(preset: str) -> tuple[str, dict[str, Any]]:
    """Return the method and the settings of a preset, which is given by its name or the path of a preset file."""
    if preset.endswith(".json"):
        return read_preset(preset)
    module = load("redcore.presets", preset, "preset")
    return module.METHOD, dict(module.SETTINGS)


def method_name(method: MethodLike | None = None, preset: str | None = None) -> str:
    """Return the name of the method that `make_method` makes: `method`, else that of the preset, else "stacked".

    The name of a class or instance from another distribution is its dotted name.
    """
    if isinstance(method, str):
        return method
    if method is not None:
        return name_of(__name__, method_class(method))
    return _defaults.METHOD if preset is None else preset_settings(preset)[0]


def make_method(
    method: MethodLike | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Method:
    """Create an unfitted method.

    Parameters
    ----------
    method : str, class or Method, optional
        Name, dotted name such as ``"package.module:MyMethod"``, subclass of `Method`, or an unfitted method, which is
        copied. Default: the method of the preset; without a preset "stacked", which is stacking around "redcore".
    preset : str, optional
        Preset, or path of a preset file, whose settings replace the defaults. It must be a preset of this method.
    settings : mapping, optional
        Settings that replace those of the preset.
    **options
        Further arguments of the method. ``encoders`` is the setting of this name: the encoders of a network method by
        modality, each a name, an object or a mapping; see `EncoderChoice`.

    Raises
    ------
    UnknownNameError, SettingsError
        If the method, the preset or a setting is unknown, or if a value is out of bounds.
    PlugInError
        If the method cannot be imported.

    Examples
    --------
    >>> make_method("late_fusion", settings={"C": 0.5}).settings.C
    0.5
    """
    preset_method, values = ("", {}) if preset is None else preset_settings(preset)
    if isinstance(method, Method):
        if values or settings or options:
            raise SettingsError("an unfitted method has its own settings; expected no preset, settings or options")
        return deepcopy(method)
    name = method_name(method, preset)
    cls = method_class(name if method is None else method)
    # "default" stands for the defaults of any method; others belong to one method, or to a subclass of it
    if preset_method != name and values:
        special = method_class(preset_method)
        if not issubclass(special, cls):
            raise SettingsError(f"preset {preset!r} belongs to method {preset_method!r}, not {name!r}")
        cls = special
    values = {**values, **(settings or {})}
    if encoders := options.pop("encoders", None):
        if not issubclass(cls, NetworkMethod):
            raise SettingsError(f"encoders: method {name!r} trains no network, so it has none")
        values["encoders"] = {**values.get("encoders", {}), **encoders}
    return cls(cls.Settings.parse(values), **options)
