"""Base classes of settings: immutable, validated against declared bounds, without unknown keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from redcore._discovery import check_name, dotted_name, provenance
from redcore.exceptions import SettingsError, UnknownNameError

__all__ = ["MethodSettings", "NamedPlugIn", "NamedPlugIns", "PlugInName", "Search", "Settings", "Sizes"]


def _split_sizes(value: Any) -> Any:
    if isinstance(value, str):
        return [part for part in value.strip("()[] ").split(",") if part.strip()]
    return [value] if isinstance(value, int) else value


Sizes: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split_sizes)]
"""Layer sizes: a possibly empty sequence of integers, one integer, or text such as ``"128,64"``."""


def _named_plug_in(value: Any) -> Any:
    """Return the dotted name of a class or function, and any other value unchanged."""
    return dotted_name(value) if callable(value) else value


def _named_plug_ins(values: Any) -> Any:
    return {key: _named_plug_in(value) for key, value in values.items()} if isinstance(values, Mapping) else values


NamedPlugIn: TypeAlias = Annotated[str, BeforeValidator(_named_plug_in)]
"""Name of a plug-in, which need not be installed. A class or function is converted to its dotted name."""

NamedPlugIns: TypeAlias = Annotated[dict[str, Any], BeforeValidator(_named_plug_ins)]
"""Values of settings before they are parsed. Classes and functions are converted to their dotted names."""


@dataclass(frozen=True)
class PlugInName:
    """Annotation of a setting that names an installed plug-in, as in ``Annotated[str, PlugInName(...)]``.

    A class or function is converted to its dotted name.

    Attributes
    ----------
    package : str
        Package with the plug-ins of this kind, such as ``"redcore.balancing"``.
    kind : str
        Kind of plug-in for error messages.
    others : tuple of str
        Values that are no names of plug-ins.
    """

    package: str
    kind: str
    others: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        name = _named_plug_in(value)
        if isinstance(name, str) and name not in self.others:
            check_name(self.package, name, self.kind)
        return name


@dataclass(frozen=True)
class Search:
    """Search space of one setting for hyperparameter tuning: a range or a list of choices.

    Attributes
    ----------
    low, high : float
        Bounds of the range.
    log : bool
        If True, the range is searched on a logarithmic scale.
    whole : bool
        If True, only integers are tried.
    choices : tuple
        Values to try instead of a range.
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
    """Search spaces of the settings that this class adds. Those of its parents are inherited."""

    def search_space(self) -> dict[str, Search]:
        """Return the search space of every setting that is tuned, including those of the parent classes."""
        space: dict[str, Search] = {}
        for parent in reversed(type(self).__mro__):
            space |= parent.__dict__.get("SEARCH", {})
        return space

    def value_of(self, name: str) -> Any:
        """Return the value of a setting of the search space."""
        return getattr(self, name)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return validated settings. Text is converted to the type of its setting, ``"none"`` to None.

        Raises
        ------
        UnknownNameError
            If a setting does not exist.
        SettingsError
            If a value has the wrong type or is out of bounds. The message names the setting.
        """
        return cls.checked({key: _none_from_text(value) for key, value in dict(values).items()})

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Return validated settings like `parse`, but keep the text ``"none"`` as text."""
        for key in values:
            if key not in cls.model_fields:
                raise UnknownNameError("setting", key, cls.model_fields)
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SettingsError(_message_of(error)) from None

    def plug_ins(self) -> list[dict[str, str]]:
        """Return the plug-ins of other distributions that the settings name; see `redcore._discovery.provenance`."""
        named = [
            provenance(annotation.package, getattr(self, name))
            for name, field in type(self).model_fields.items()
            for annotation in field.metadata
            if isinstance(annotation, PlugInName) and getattr(self, name) not in annotation.others
        ]
        return [plug_in for plug_in in named if plug_in]

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with some values changed."""
        return self.parse({**self.model_dump(), **changes})

    def dump(self) -> dict[str, Any]:
        """Return all settings as JSON-serialisable values."""
        return self.model_dump(mode="json")


class MethodSettings(Settings):
    """Settings of every method.

    Attributes
    ----------
    keep_empty_samples : bool, default False
        If True, samples without any modality are used for training. By default they are dropped with a warning, because
        they only contribute to the label distribution.
    within_modality : {"fill", "drop", "error"}, default "fill"
        Treatment of missing cells (NaN) in an observed modality. "fill": numbers get the median and categories the most
        frequent category of the training samples; sequences are first filled forward in time. Columns in which more
        than 5% of the training cells are missing get an indicator column. "drop": the modality counts as missing in
        these samples. "error": raise an error.
    """

    keep_empty_samples: bool = False
    within_modality: Literal["fill", "drop", "error"] = "fill"


def _none_from_text(value: Any) -> Any:
    """Convert ``"none"`` and ``"null"`` to None; pydantic converts other texts to the type of their setting."""
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null") else value


def _message_of(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":  # the input of this error is the whole mapping
            lines.append(f"setting {name!r} is missing")
            continue
        # an error without a location concerns several settings and names them in its message
        subject = f"setting {name!r} is {problem['input']!r}: " if name else ""
        lines.append(f"{subject}{message[0].lower()}{message[1:]}")
    return "; ".join(lines)
