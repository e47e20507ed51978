"""Threshold and temperature of one of several targets."""

from dataclasses import dataclass
from typing import Any

__all__ = ["PartOptions"]


@dataclass
class PartOptions:
    """Threshold and temperature of the predictions of one of several targets; see `Method`."""

    threshold: float | None = None
    temperature: float = 1.0

    def changed(self) -> dict[str, Any]:
        """Return the values that are not the default, as a dict for JSON."""
        return {name: value for name, value in vars(self).items() if value != getattr(PartOptions, name)}
