"""``redcore convert``: convert data of any supported format to a store, or to a file of the scverse."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import (
    EventOption,
    FormatOption,
    GroupColumn,
    Json,
    ModalityColumns,
    TargetOption,
    reader_options,
    takes,
)

__all__ = ["convert"]


@dataclass(frozen=True)
class ConvertOptions:
    """Arguments and options of ``redcore convert``."""

    source: Annotated[Path, typer.Argument(help="File or folder to read.")]
    out: Annotated[Path, typer.Option(help="Store, or file ending in .h5mu or .h5ad, to create. It must not exist.")]
    data_format: Annotated[
        str | None,
        typer.Option("--format", help="Format of SOURCE; see 'redcore list formats'. Default: detected from SOURCE."),
    ] = None
    dataset: Annotated[
        str | None,
        typer.Option(help="Read SOURCE as the original files of this public data set; see 'redcore list datasets'."),
    ] = None
    fold: Annotated[int, typer.Option(help="Number of the official fold to use, with --dataset.", min=1)] = 1
    modality: ModalityColumns = None
    target: TargetOption = None
    event: EventOption = None
    group: GroupColumn = None
    option: FormatOption = None
    title: Annotated[str, typer.Option(help="Title on the data card of the store.")] = ""
    licence: Annotated[str, typer.Option(help="Licence on the data card of the store.")] = ""
    citation: Annotated[str, typer.Option(help="Citation on the data card of the store.")] = ""
    as_json: Json = False


@takes(ConvertOptions)
def convert(options: ConvertOptions) -> None:
    """Convert SOURCE to a store, a folder of Parquet files and a data card.

    A missing modality is stored as null. If --out ends in .h5mu or .h5ad, a MuData or AnnData file is written instead.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.data.store import write_store
    from redcore.runs import checksum_of, read_source

    with warnings_as_messages():
        data, data_format = read_source(
            options.source,
            data_format=options.data_format,
            dataset=options.dataset,
            fold=options.fold,
            options=reader_options(options.option, options.modality, options.target, options.event, options.group),
        )
        origin = {"name": options.source.name, "format": data_format, "sha256": checksum_of(options.source)}
        card = {name: getattr(options, name) for name in ("title", "licence", "citation")}
        if options.out.suffix.lower() in (".h5mu", ".h5ad"):
            from redcore.data.formats.h5mu import write_h5mu

            write_h5mu(data, options.out, **card)
        else:
            write_store(data, options.out, **card, origin=origin)
    if options.as_json:
        print_json(
            {"store": str(options.out), "n_samples": data.n_samples, "origin": origin, "checksum": data.checksum()}
        )
        return
    typer.echo(f"{data!r} written to {options.out}")
