"""``redcore report``: HTML report of a run."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit'.")],
    out: Annotated[Path | None, typer.Option(help="HTML page to write. Default: report.html in RUN.")] = None,
) -> None:
    """Write a report of RUN as a self-contained HTML page: scores per missing pattern, training curves and settings."""
    from redcore.report import run_page, write_page
    from redcore.runs import read_result

    path = out or run / "report.html"
    write_page(path, run_page(read_result(run)))
    typer.echo(f"Page: {path}")
