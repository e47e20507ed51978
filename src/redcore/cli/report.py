"""``redcore report``: the page of a run."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="Folder that 'redcore fit' has finished.")],
    out: Annotated[Path | None, typer.Option(help="Page to write. Default: report.html in the folder.")] = None,
) -> None:
    """Write the page of a RUN: one file that needs nothing else, with scores by missing pattern, training, settings."""
    from redcore.cli._page_file import write_page
    from redcore.report import run_page

    path = out or run / "report.html"
    write_page(path, run_page(run))
    typer.echo(f"Page: {path}")
