"""Options shared by several commands, parsers for their values, and commands with a dataclass of options."""

import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from redcore.exceptions import MissingRateError, SettingsError

__all__ = [
    "Data",
    "Encoders",
    "EventOption",
    "FormatOption",
    "GroupColumn",
    "Json",
    "ModalityColumns",
    "Rows",
    "Seed",
    "TargetOption",
    "Threshold",
    "method_settings",
    "parse_rates",
    "parse_settings",
    "parse_target",
    "reader_options",
    "takes",
]

Data = Annotated[
    str, typer.Argument(help="Name of a bundled data set ('redcore list datasets') or path of a data file or store.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object; messages go to stderr.")]
Seed = Annotated[int, typer.Option(help="Random seed. It determines all random numbers.", min=0, max=2**32 - 1)]

Threshold = Annotated[
    float | None,
    typer.Option(
        help="Probability from which the rarer class of two is predicted. Default: the threshold that was set by "
        "'redcore fit', else the decision rule of the method.",
        min=0,
        max=1,
    ),
]

FormatOption = Annotated[list[str] | None, typer.Option(help="Option of the format as KEY=VALUE. Repeatable.")]
ModalityColumns = Annotated[
    list[str] | None,
    typer.Option(help="Columns of one modality in a table, as NAME=PATTERN[,PATTERN]. Repeatable."),
]
GroupColumn = Annotated[
    str | None, typer.Option(help="Column of the groups in a table, such as patients; a group is never divided.")
]

TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of the target in a table (several columns of one kind as NAME,NAME), or time=COLUMN for the times "
        "of a survival target. Repeatable, for several targets of different kinds."
    ),
]
EventOption = Annotated[
    str | None,
    typer.Option(
        help="Events of a survival target, as COLUMN=VALUE for the entry that stands for the event (other entries are "
        "censored times), or COLUMN of 0 and 1."
    ),
]

Encoders = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder",
        help="Encoder of one modality as MODALITY=NAME, for methods with networks; see 'redcore list encoders'. A "
        "dotted name such as package.module:MyEncoder is imported. Attributes follow the name: "
        "audio=lstm,width=32,frozen=true,lr=1e-4,preprocessing=identity. Repeatable.",
    ),
]

Options = TypeVar("Options")


class Rows(StrEnum):
    """Choice of the samples to score."""

    AUTO = "auto"
    TEST = "test"
    ALL = "all"


def parse_settings(
    assignments: Sequence[str], option: str = "--set", expected: str = "key=value, such as --set max_epochs=20"
) -> dict[str, str]:
    """Parse ``key=value`` arguments of `option`, which has the form `expected`.

    Raises
    ------
    SettingsError
        If an argument has no key or no ``=``.
    """
    settings = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"{option} {assignment!r}: expected {expected}")
        settings[key.strip()] = value.strip()
    return settings


def method_settings(assignments: Sequence[str] | None, encoders: Sequence[str] | None) -> dict[str, Any]:
    """Return the settings of a method from the arguments of ``--set`` and ``--encoder``.

    Raises
    ------
    SettingsError
        If an argument has no key or no ``=``.
    """
    settings: dict[str, Any] = dict(parse_settings(assignments or []))
    chosen = parse_settings(encoders or [], "--encoder", "MODALITY=NAME, such as --encoder audio=lstm")
    return {**settings, "encoders": chosen} if chosen else settings


def parse_target(target: str | None, event: str | None) -> str | None:
    """Return the column of ``--target``, without the prefix ``time=`` of a survival target.

    Raises
    ------
    SettingsError
        If only one of ``--target time=COLUMN`` and ``--event`` is given.
    """
    if event is not None and target is None:
        raise SettingsError(f"--event {event!r} without --target: name the times, such as --target time=days")
    is_time = target is not None and target.startswith("time=")
    if is_time and event is None:
        raise SettingsError(f"--target {target!r} without --event: name the events, such as --event status=deceased")
    return target.removeprefix("time=") if target is not None and event is not None else target


def _target_options(targets: Sequence[str] | None, event: str | None) -> dict[str, Any]:
    """Return the options of a reader from ``--target``, which may be repeated, and ``--event``."""
    if targets is None or len(targets) < 2:
        return {"target": parse_target(targets[0] if targets else None, event), "event": event}
    columns = []
    for target in targets:
        if "," in target:
            raise SettingsError(f"--target {target!r}: expected one column per --target, since there are several")
        columns.append(parse_target(target, event if target.startswith("time=") else None))
    if len(set(columns)) < len(columns):
        raise SettingsError(f"--target: a column is repeated in {', '.join(map(str, columns))}")
    times = [target.removeprefix("time=") for target in targets if target.startswith("time=")]
    if event is not None and not times:
        raise SettingsError(f"--event {event!r} without times: name them, such as --target time=days")
    tasks = {"tasks": dict.fromkeys(times, "survival")} if times else {}
    return {"target": columns, "event": event, "task": "mixed", **tasks}


def reader_options(
    options: Sequence[str] | None,
    modalities: Sequence[str] | None,
    target: Sequence[str] | None = None,
    event: str | None = None,
    group: str | None = None,
) -> dict[str, Any]:
    """Return the options of a reader from ``--option``, ``--modality``, ``--target``, ``--event`` and ``--group``."""
    parsed: dict[str, Any] = dict(parse_settings(options or [], "--option", "key=value"))
    columns = {**_target_options(target, event), "group": group}
    parsed |= {name: column for name, column in columns.items() if column is not None}
    return {**parsed, "modalities": parse_settings(modalities, "--modality", "key=value")} if modalities else parsed


def parse_rates(assignments: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Parse missing rates given as ``modality=rate``, or as ``rate`` for all modalities.

    Parameters
    ----------
    assignments : sequence of str
        A later assignment overrides an earlier one.
    names : sequence of str
        All modalities of the data.

    Returns
    -------
    dict of str to float
        Missing rate per modality, 0 for modalities without an assignment.

    Raises
    ------
    MissingRateError
        If a rate is not a number in [0, 1].
    UnknownNameError
        If a modality is unknown.
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


def takes(options: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Convert a function of one dataclass to a command with the fields as arguments and options."""

    def decorate(function: Callable[[Options], None]) -> Callable[..., None]:
        @wraps(function)
        def command(**values: Any) -> None:
            function(options(**values))

        # typer derives the interface from signature and annotations
        command.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]
        command.__annotations__ = get_type_hints(options, include_extras=True)
        return command

    return decorate
