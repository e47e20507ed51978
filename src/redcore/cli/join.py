"""``redcore join``: join modalities from several files by sample id to a store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from redcore.cli._options import EventOption, Json, parse_settings, parse_target, takes

__all__ = ["join"]


@dataclass(frozen=True)
class JoinOptions:
    """Arguments and options of ``redcore join``."""

    modality: Annotated[
        list[str],
        typer.Option(
            help="Source of one modality, as NAME=FILE, or NAME=FILE:PATTERN[,PATTERN] for some columns of a table. "
            "FILE is a CSV, TSV or Parquet table, an npz archive or folder with one array per id. Repeatable."
        ),
    ]
    out: Annotated[Path, typer.Option(help="Store to create; it must not exist.")]
    target: Annotated[
        str | None,
        typer.Option(
            help="Column of the target, as FILE:COLUMN, or time=FILE:COLUMN for the times of a survival target. "
            "Samples without a target are left out."
        ),
    ] = None
    event: EventOption = None
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the sample ids in all tables.")] = None
    task: Annotated[
        str,
        typer.Option(help="Kind of the target: auto, classes, numbers or labels (multi-label); --event sets survival."),
    ] = "auto"
    group: Annotated[str | None, typer.Option(help="Column of the groups, as FILE:COLUMN.")] = None
    split: Annotated[str | None, typer.Option(help="Column of the split, as FILE:COLUMN.")] = None
    transpose: Annotated[
        list[str] | None,
        typer.Option(help="Modality whose table has features in rows and samples in columns. Repeatable."),
    ] = None
    nan_rows: Annotated[
        str | None,
        typer.Option(help="Treatment of empty cells in rows with other values: keep, error or missing. Default: keep."),
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="Option of tables as KEY=VALUE: category (columns of numbers that are categories), or, for CSV files, "
            "delimiter, decimal, encoding, header or na_values. Repeatable."
        ),
    ] = None
    title: Annotated[str, typer.Option(help="Title on the data card of the store.")] = ""
    licence: Annotated[str, typer.Option(help="Licence on the data card of the store.")] = ""
    as_json: Json = False


@takes(JoinOptions)
def join(options: JoinOptions) -> None:
    """Join modalities from several files by sample id, and write a store.

    A modality is missing in the samples that its file does not contain. Ids are compared as text, as they stand in the
    files. The command reports the samples of every modality and the missing patterns.
    """
    from redcore.cli._output import print_join_report, print_json, warnings_as_messages
    from redcore.data import MultimodalData
    from redcore.data.store import write_store
    from redcore.exceptions import DataError

    if options.out.exists():
        raise DataError(f"{options.out}: exists already; nothing is overwritten")
    with warnings_as_messages():
        joined = MultimodalData.join_with_report(
            parse_settings(options.modality, "--modality", "key=value"), options.id_column, **_join_arguments(options)
        )
    write_store(joined.data, options.out, title=options.title, licence=options.licence)
    if options.as_json:
        print_json({"store": str(options.out), **joined.report.to_dict(), "checksum": joined.data.checksum()})
        return
    print_join_report(joined.report, joined.data.names)
    typer.echo(f"{joined.data!r} written to {options.out}")


def _join_arguments(options: JoinOptions) -> dict[str, Any]:
    from redcore._validation import check_known

    check_known("task", [options.task], ["auto", "classes", "numbers", "labels"])
    arguments = {
        "target": parse_target(options.target, options.event),
        "event": options.event,
        "task": options.task,
        "groups": options.group,
        "split": options.split,
        "transpose": options.transpose or (),
        "options": parse_settings(options.option or [], "--option", "key=value"),
    }
    return arguments if options.nan_rows is None else {**arguments, "nan_rows": options.nan_rows}
