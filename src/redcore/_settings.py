"""Frozen, validated settings: unknown keys fail, bounds are data, nothing changes after parsing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from redcore.exceptions import SettingsError, UnknownNameError

__all__ = ["MethodSettings", "Search", "Settings", "Sizes"]


def _split_sizes(value: Any) -> Any:
    if isinstance(value, str):
        return [part for part in value.strip("()[] ").split(",") if part.strip()]
    return [value] if isinstance(value, int) else value


Sizes: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split_sizes)]
"""Layer sizes: a sequence of whole numbers, one number, or text such as ``"128,64"``; there may be none."""


@dataclass(frozen=True)
class Search:
    """Where a setting is looked for.

    Attributes
    ----------
    low, high : float
    log : bool
        Whether equal factors count the same rather than equal differences.
    whole : bool
        Whether only whole numbers are meant.
    choices : tuple
        Instead of a range.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        return f"{self.low:g} to {self.high:g}" + (", log" if self.log else "")


class Settings(BaseModel):
    """Base of all settings.

    Examples
    --------
    >>> class Optimiser(Settings):
    ...     learning_rate: float = 0.1
    >>> Optimiser.parse({"learning_rate": "0.5"}).learning_rate
    0.5
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    SEARCH: ClassVar[dict[str, Search]] = {}
    """Where the settings that a class adds are looked for when tuning; those of its parents are too."""

    @classmethod
    def search_space(cls) -> dict[str, Search]:
        """Return where each setting that is tuned is looked for."""
        space: dict[str, Search] = {}
        for parent in reversed(cls.__mro__):
            space |= parent.__dict__.get("SEARCH", {})
        return space

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Validate `values`; a string is read as the type of its setting.

        Raises
        ------
        UnknownNameError
            On a setting that does not exist.
        SettingsError
            On a value of the wrong type or out of bounds; the message names the setting.
        """
        return cls.checked({key: _from_text(value) for key, value in dict(values).items()})

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Validate `values` as `parse` does, but leave the text ``"none"`` what it is."""
        for key in values:
            if key not in cls.model_fields:
                raise UnknownNameError("setting", key, cls.model_fields)
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SettingsError(_describe(error)) from None

    def replace(self, **changes: Any) -> Self:
        """Return validated settings with some values changed."""
        return self.parse({**self.model_dump(), **changes})

    def dump(self) -> dict[str, Any]:
        """Return all settings as JSON-ready values."""
        return self.model_dump(mode="json")


class MethodSettings(Settings):
    """Settings that every method has.

    Attributes
    ----------
    keep_empty_samples : bool, default False
        Whether samples without any modality stay in training. By default they are left out, with a warning:
        all they carry is the label distribution.
    """

    keep_empty_samples: bool = False


def _from_text(value: Any) -> Any:
    """Read ``"none"`` as None; pydantic reads other texts as the type of their setting."""
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null") else value


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        # without a place it concerns several settings, and names them itself
        subject = f"setting {name!r} is {problem['input']!r}: " if name else ""
        lines.append(f"{subject}{message[0].lower()}{message[1:]}")
    return "; ".join(lines)
