"""``redcore list``: list the available methods, presets, protocols and other plug-ins."""

from enum import StrEnum
from typing import Annotated

import typer

from redcore.cli._options import Json

__all__ = ["list_names"]

PACKAGES = {
    "presets": "redcore.presets",
    "protocols": "redcore.missing",
    "methods": "redcore.methods",
    "datasets": "redcore.datasets",
    "encoders": "redcore.nn.encoders",
    "rules": "redcore.balancing",
    "formats": "redcore.data.formats",
}

Kind = StrEnum("Kind", [*PACKAGES, "specs"])  # type: ignore[misc]


def list_names(kind: Annotated[Kind, typer.Argument(help="Kind of entries to list.")], as_json: Json = False) -> None:
    """List presets, protocols, methods, data sets, encoders, balancing rules, formats or benchmark specs."""
    import json

    from redcore._discovery import names, summary

    if kind.value == "specs":
        from redcore.benchmark import read_spec, spec_names

        summaries = {name: read_spec(name).title for name in spec_names()}
    else:
        package = PACKAGES[kind.value]
        summaries = {name: summary(package, name) for name in names(package)}
    if as_json:
        typer.echo(json.dumps({kind.value: summaries}))
        return
    width = max(map(len, summaries))
    for name, text in summaries.items():
        typer.echo(f"{name:<{width}}  {text}")
