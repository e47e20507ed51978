"""Recommended defaults: stacking around the network of RedCore."""

from typing import Any

METHOD = "stacked"
SETTINGS: dict[str, Any] = {}
