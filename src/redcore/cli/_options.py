"""Options that several commands share, and how their text is read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from redcore.exceptions import MissingRateError, SettingsError

__all__ = [
    "Data",
    "FormatOption",
    "Json",
    "ModalityColumns",
    "Rows",
    "Seed",
    "parse_rates",
    "parse_settings",
    "reader_options",
]

Data = Annotated[str, typer.Argument(help="A bundled data set ('redcore list datasets') or a file or store.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; messages go to stderr.")]
Seed = Annotated[int, typer.Option(help="All randomness follows from it.", min=0, max=2**32 - 1)]

FormatOption = Annotated[list[str] | None, typer.Option(help="KEY=VALUE, an option of the format. Repeatable.")]
ModalityColumns = Annotated[
    list[str] | None, typer.Option(help="NAME=PATTERN[,PATTERN]: columns of a table that make a modality. Repeatable.")
]


class Rows(StrEnum):
    """Which samples to score."""

    AUTO = "auto"
    TEST = "test"
    ALL = "all"


def parse_settings(assignments: Sequence[str]) -> dict[str, str]:
    """Read ``key=value`` texts."""
    settings = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"--set {assignment!r}: expected key=value, such as --set max_epochs=20")
        settings[key.strip()] = value.strip()
    return settings


def reader_options(options: Sequence[str] | None, modalities: Sequence[str] | None) -> dict[str, Any]:
    """Return the options of a format's reader, with the columns that make a modality."""
    given: dict[str, Any] = dict(parse_settings(options or []))
    return {**given, "modalities": parse_settings(modalities)} if modalities else given


def parse_rates(assignments: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Read ``modality=rate`` texts, or one plain rate for all modalities; modalities not named get 0.

    Parameters
    ----------
    assignments : sequence of str
    names : sequence of str
        The modalities of the data.
    """
    from redcore._validation import check_known, check_missing_rates

    rates = dict.fromkeys(names, 0.0)
    for assignment in assignments:
        name, equals, text = assignment.rpartition("=")
        try:
            rate = float(text)
        except ValueError:
            raise MissingRateError(
                f"--missing-rate {assignment!r}: expected MODALITY=RATE or RATE, such as --missing-rate {names[0]}=0.5"
            ) from None
        if equals:
            check_known("modality", [name.strip()], names)
        rates |= {name.strip(): rate} if equals else dict.fromkeys(names, rate)
    return check_missing_rates(rates)
