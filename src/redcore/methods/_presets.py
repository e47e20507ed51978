"""Preset files: JSON with ``method`` and ``settings``, as 'redcore tune' writes them.

``preset``, if it is there and not null, is the preset that they start from.
"""

import json
from pathlib import Path
from typing import Any

from redcore._discovery import load
from redcore.exceptions import SettingsError

__all__ = ["read_preset"]


def read_preset(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Return the method of a preset file and the settings that it changes.

    Raises
    ------
    SettingsError
        If the file is absent, or no preset.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"preset {path}: cannot be read ({error})") from None
    known = isinstance(content, dict) and isinstance(content.get("method"), str)
    if not known or not isinstance(content.get("settings"), dict):
        raise SettingsError(f"preset {path}: expected a JSON object with 'method' and 'settings'")
    start = content.get("preset")
    settings = {} if start is None else _start(start)
    return content["method"], {**settings, **content["settings"]}


def _start(preset: str) -> dict[str, Any]:
    if preset.endswith(".json"):
        return read_preset(preset)[1]
    return dict(load("redcore.presets", preset, "preset").SETTINGS)
