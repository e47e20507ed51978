"""RedCore as we recommend it: the defaults of its settings."""

from typing import Any

METHOD = "redcore"
SETTINGS: dict[str, Any] = {}
