"""Preset files: JSON objects with ``method`` and ``settings``, as written by 'redcore tune'.

If the optional key ``preset`` is not null, it is the name of the preset whose settings the file changes.
"""

import json
from pathlib import Path
from typing import Any

from redcore._discovery import load
from redcore.exceptions import SettingsError

__all__ = ["read_preset"]


def read_preset(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Return the method and the settings of a preset file.

    Raises
    ------
    SettingsError
        If the file cannot be read or is not a preset.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"preset {path}: cannot be read ({error})") from None
    has_method = isinstance(content, dict) and isinstance(content.get("method"), str)
    if not has_method or not isinstance(content.get("settings"), dict):
        raise SettingsError(f"preset {path}: expected a JSON object with 'method' and 'settings'")
    base = content.get("preset")
    settings = {} if base is None else _base_settings(base)
    return content["method"], {**settings, **content["settings"]}


def _base_settings(preset: str) -> dict[str, Any]:
    if preset.endswith(".json"):
        return read_preset(preset)[1]
    return dict(load("redcore.presets", preset, "preset").SETTINGS)
