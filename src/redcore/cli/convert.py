"""``redcore convert``: read data of any known format, and write a store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import FormatOption, Json, ModalityColumns, reader_options
from redcore.cli._signature import takes

__all__ = ["convert"]


@dataclass(frozen=True)
class ConvertOptions:
    """What ``redcore convert`` is told."""

    source: Annotated[Path, typer.Argument(help="File or folder to read.")]
    out: Annotated[Path, typer.Option(help="Store to make; nothing is overwritten.")]
    data_format: Annotated[
        str | None, typer.Option("--format", help="'redcore list formats'. Default: guessed from SOURCE.")
    ] = None
    dataset: Annotated[
        str | None, typer.Option(help="Read SOURCE as the files of this data set ('redcore list datasets').")
    ] = None
    fold: Annotated[int, typer.Option(help="Fold of the data set's official splits.", min=1)] = 1
    modality: ModalityColumns = None
    option: FormatOption = None
    title: Annotated[str, typer.Option(help="For the card of the store.")] = ""
    licence: Annotated[str, typer.Option(help="For the card of the store.")] = ""
    citation: Annotated[str, typer.Option(help="For the card of the store.")] = ""
    as_json: Json = False


@takes(ConvertOptions)
def convert(options: ConvertOptions) -> None:
    """Convert SOURCE to a store: Parquet shards and a card. A null is a missing modality."""
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.data.store import write_store
    from redcore.runs import checksum_of, read_source

    with warnings_as_messages():
        data, data_format = read_source(
            options.source,
            data_format=options.data_format,
            dataset=options.dataset,
            fold=options.fold,
            options=reader_options(options.option, options.modality),
        )
        origin = {"name": options.source.name, "format": data_format, "sha256": checksum_of(options.source)}
        about = {name: getattr(options, name) for name in ("title", "licence", "citation")}
        write_store(data, options.out, **about, origin=origin)
    if options.as_json:
        print_json(
            {"store": str(options.out), "n_samples": data.n_samples, "origin": origin, "checksum": data.checksum()}
        )
        return
    typer.echo(f"{data!r} written to {options.out}")
