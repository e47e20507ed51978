"""``redcore bench report``: the page of a benchmark, and its tables and figures for papers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._signature import takes

if TYPE_CHECKING:
    from redcore.benchmark import Record

__all__ = ["report"]


@dataclass(frozen=True)
class ReportOptions:
    """What ``redcore bench report`` is told."""

    folder: Annotated[Path, typer.Argument(help="Folder that 'redcore bench run' has filled, or a file of 'pack'.")]
    out: Annotated[
        Path | None,
        typer.Option(help="Page to write. Default, where nothing else is asked for: report.html in FOLDER."),
    ] = None
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX tables (booktabs).")] = False
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False
    figures: Annotated[Path | None, typer.Option(help="Folder for figures as PDF and PNG.")] = None
    score: Annotated[
        str | None, typer.Option(help="Score of the tables, such as uar, nll or ece. Default: macro-F1, or R2.")
    ] = None
    title: Annotated[str | None, typer.Option(help="Title of the page. Default: the title of the benchmark.")] = None

    def page_path(self) -> Path | None:
        """Return where the page goes; None if only something else is asked for."""
        if self.out is None and not (self.latex or self.markdown or self.figures):
            return (self.folder if self.folder.is_dir() else self.folder.parent) / "report.html"
        return self.out


@takes(ReportOptions)
def report(options: ReportOptions) -> None:
    """Write the page of a benchmark: one file that needs nothing else; or its tables and figures for papers."""
    from redcore.benchmark import read_records
    from redcore.cli._page_file import write_page
    from redcore.exceptions import RunError
    from redcore.report import benchmark_page, latex_tables, markdown_tables, write_figures

    records = read_records(options.folder)
    if not records:
        raise RunError(f"{options.folder}: holds no records of a benchmark")
    _check_score(options, records)
    if options.latex:
        typer.echo(latex_tables(records, score=options.score))
    if options.markdown:
        typer.echo(markdown_tables(records, score=options.score))
    if options.figures is not None:
        written = write_figures(records, options.figures)
        typer.echo(f"{len(written)} figures in {options.figures}", err=True)
    path = options.page_path()
    if path is not None:
        write_page(path, benchmark_page(records, options.title or _title(options.folder)))
        typer.echo(f"Page: {path}", err=True)


def _check_score(options: ReportOptions, records: "list[Record]") -> None:
    from redcore._validation import check_known
    from redcore.benchmark import score_names

    if options.score is not None:
        check_known("score", [options.score], score_names(records))


def _title(folder: Path) -> str:
    """Return the title of the benchmark that was run, or the name of what is reported."""
    import json

    try:
        spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        return str(spec["title"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name.removesuffix(".gz").removesuffix(".jsonl")
