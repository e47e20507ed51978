"""``redcore list``: list the available methods, presets, protocols and other plug-ins, with their origin."""

from enum import StrEnum
from typing import Annotated

import typer

from redcore._version import __version__
from redcore.cli._options import Json

__all__ = ["list_names"]

PACKAGES = {
    "presets": "redcore.presets",
    "protocols": "redcore.missing",
    "methods": "redcore.methods",
    "datasets": "redcore.datasets",
    "encoders": "redcore.nn.encoders",
    "losses": "redcore.nn.losses",
    "rules": "redcore.balancing",
    "formats": "redcore.data.formats",
    "extractors": "redcore.extract.extractors",
}

Kind = StrEnum("Kind", [*PACKAGES, "scores", "specs"])  # type: ignore[misc]


def list_names(kind: Annotated[Kind, typer.Argument(help="Kind of entries to list.")], as_json: Json = False) -> None:
    """List presets, protocols, methods, data sets, encoders, losses, rules, formats, extractors, scores or specs.

    Plug-ins of other distributions are followed by their origin.
    """
    import json

    from redcore._discovery import names, origin, summary

    package = PACKAGES.get(kind.value)
    if kind.value == "specs":
        from redcore.benchmark import read_spec, spec_names

        summaries = {name: read_spec(name).title for name in spec_names()}
    elif kind.value == "scores":
        from redcore.cli._output import warnings_as_messages
        from redcore.metrics import known_scores

        package = "redcore.metrics"
        with warnings_as_messages():
            summaries = {name: score.label for name, score in known_scores().items()}
    else:
        summaries = {name: summary(PACKAGES[kind.value], name) for name in names(PACKAGES[kind.value])}
    own = f"redcore {__version__}"
    origins = {name: (origin(package, name) if package else "") or own for name in summaries}
    if as_json:
        typer.echo(json.dumps({kind.value: summaries, "origins": origins}))
        return
    width = max(map(len, summaries))
    for name, text in summaries.items():
        typer.echo(f"{name:<{width}}  {text}{'' if origins[name] == own else f'  [{origins[name]}]'}")
