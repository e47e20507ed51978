"""``redcore inspect``: summary of a data set, its missing patterns and possible problems."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore.cli._options import (
    Data,
    EventOption,
    FormatOption,
    GroupColumn,
    Json,
    ModalityColumns,
    TargetOption,
    reader_options,
    takes,
)

if TYPE_CHECKING:
    from rich.table import Table

    from redcore.data import MultimodalData
    from redcore.inspection import MissingTable, Summary

__all__ = ["inspect"]

SHOWN_LEVELS = 12


@dataclass(frozen=True)
class InspectOptions:
    """Arguments and options of ``redcore inspect``."""

    data: Data
    data_format: Annotated[
        str | None,
        typer.Option("--format", help="Format of DATA; see 'redcore list formats'. Default: detected from DATA."),
    ] = None
    modality: ModalityColumns = None
    target: TargetOption = None
    event: EventOption = None
    group: GroupColumn = None
    option: FormatOption = None
    html: Annotated[Path | None, typer.Option(help="Also write the summary as a self-contained HTML page.")] = None
    as_json: Json = False


@takes(InspectOptions)
def inspect(options: InspectOptions) -> None:
    """Summarise DATA: modalities, missing patterns and their dependencies, leakage and suspicious features."""
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.inspection import summarise

    with warnings_as_messages():
        summary = summarise(_read(options))
    if options.html is not None:
        from redcore.report import inspection_page, write_page

        write_page(options.html, inspection_page(summary, Path(options.data).name))
    if options.as_json:
        print_json(summary.to_dict())
        return
    _print(summary, options.data)
    if options.html is not None:
        typer.echo(f"Page: {options.html}")


def _read(options: InspectOptions) -> "MultimodalData":
    from redcore.data.formats import read
    from redcore.runs import read_data

    format_options = reader_options(options.option, options.modality, options.target, options.event, options.group)
    if options.data_format is None and not format_options:
        return read_data(options.data)
    return read(Path(options.data), options.data_format, format_options)


def _print(summary: "Summary", name: str) -> None:
    import sys

    from rich.console import Console

    from redcore.cli._output import pattern_table

    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    parts = ", ".join(f"{part} {count}" for part, count in summary.parts.items())
    groups = "" if summary.n_groups is None else f", {summary.n_groups} groups"
    console.print(f"{name}: {summary.n_samples} samples{f' ({parts})' if parts else ''}{groups}", markup=False)
    console.print(_target_line(summary), markup=False)
    some_missing = any(modality.missing_rate for modality in summary.modalities)
    missing_tables = map(_missing_rates, summary.missing_by if some_missing else ())
    names = [modality.name for modality in summary.modalities]
    patterns = pattern_table(names, [(pattern.observed, pattern.n_samples) for pattern in summary.patterns])
    for table in (_modalities(summary), patterns, *missing_tables):
        console.print(table)
    if not summary.associations:
        console.print("No tests of missingness: every modality is observed in all samples or in none.")
    elif not any(test.depends for test in summary.associations):
        tests = len(summary.associations)
        console.print(
            f"No significant deviation from missing completely at random ({tests} tests, Holm correction, level 0.01)."
        )
    for finding in summary.findings:
        colour = "red" if finding.severity == "warning" else "cyan"
        console.print(f"[{colour}]{finding.severity}[/{colour}] ", end="")
        console.print(finding.text, markup=False)


def _target_line(summary: "Summary") -> str:
    return "\n".join(
        _line_of_target(name, target) for name, target in summary.target.get("parts", {"": summary.target}).items()
    )


def _line_of_target(name: str, target: Mapping[str, Any]) -> str:
    """Return the line of a target; `name` is that of one of several targets."""
    kind = f"{target['kind']} ({target['n_labelled']} samples)" if name else target["kind"]
    columns = [
        ", ".join(f"{level} {value:.3g}" for level, value in column.items()) for column in target.get("quantiles", [])
    ]
    if "counts" in target:
        counts = [f"{label} {count}" for label, count in target["counts"].items()]
        more = f", ... ({len(counts)} classes)" if len(counts) > SHOWN_LEVELS else ""
        times = f"; times: {columns[0]}" if columns else ""
        return f"target{name and f' {name!r}'}: {kind}, {', '.join(counts[:SHOWN_LEVELS])}{more}{times}"
    return f"target{name and f' {name!r}'}: {'; '.join([kind, *columns])}"


def _modalities(summary: "Summary") -> "Table":
    from rich.table import Table

    table = Table("modality", title="Modalities")
    for column in ("features", "length: median (min to max)", "observed", "missing", "median size", "constant"):
        table.add_column(column, justify="right")
    for modality in summary.modalities:
        lengths = modality.lengths
        length = "" if lengths is None else f"{lengths['50%']:g} ({lengths['0%']:g} to {lengths['100%']:g})"
        numbers = (
            f"{modality.missing_rate:.1%}",
            "" if modality.typical is None else f"{modality.typical:.3g}",
            str(len(modality.constant) or ""),
        )
        table.add_row(modality.name, str(modality.n_features), length, str(modality.n_observed), *numbers)
    return table


def _missing_rates(rates_by_level: "MissingTable") -> "Table":
    from rich.table import Table

    table = Table(rates_by_level.of, title=f"Missing rates by {rates_by_level.of}")
    for heading in ("samples", *rates_by_level.rates):
        table.add_column(heading, justify="right")
    for level, n_samples in list(rates_by_level.n_samples.items())[:SHOWN_LEVELS]:
        table.add_row(level, str(n_samples), *(f"{rates[level]:.1%}" for rates in rates_by_level.rates.values()))
    return table
