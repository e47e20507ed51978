"""``redcore bench report``: HTML page, tables and figures of a benchmark."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._options import takes

if TYPE_CHECKING:
    from redcore.benchmark import Record

__all__ = ["report"]


@dataclass(frozen=True)
class ReportOptions:
    """Arguments and options of ``redcore bench report``."""

    folder: Annotated[
        Path, typer.Argument(help="Folder of 'redcore bench run' or file of 'redcore bench pack' with the records.")
    ]
    out: Annotated[
        Path | None,
        typer.Option(
            help="HTML page to write. Default: report.html in FOLDER, or no page with --latex, --markdown or --figures."
        ),
    ] = None
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX tables (booktabs).")] = False
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False
    by_pattern: Annotated[
        bool,
        typer.Option("--by-pattern", help="With --latex or --markdown: one column per missing pattern."),
    ] = False
    figures: Annotated[Path | None, typer.Option(help="Write figures as PDF and PNG to this folder.")] = None
    score: Annotated[
        str | None,
        typer.Option(
            help="Score of the tables and of the page, such as uar, ece or acc7. Default: log loss and macro-F1 of the "
            "most probable classes, or R2."
        ),
    ] = None
    focus: Annotated[
        str | None,
        typer.Option(
            help="Method to compare with all others on the page. Default: the method with the best mean rank."
        ),
    ] = None
    title: Annotated[str | None, typer.Option(help="Title of the page. Default: the title of the benchmark.")] = None

    def page_path(self) -> Path | None:
        """Return the path of the page, or None if only tables or figures are requested."""
        if self.out is None and not (self.latex or self.markdown or self.figures):
            return (self.folder if self.folder.is_dir() else self.folder.parent) / "report.html"
        return self.out


@takes(ReportOptions)
def report(options: ReportOptions) -> None:
    """Write a benchmark report as a self-contained HTML page, or tables and figures for papers."""
    from redcore.benchmark import read_records
    from redcore.exceptions import RunError
    from redcore.report import (
        benchmark_page,
        latex_tables,
        markdown_tables,
        pattern_tables,
        write_figures,
        write_page,
    )

    records = read_records(options.folder)
    if not records:
        raise RunError(f"{options.folder}: holds no records of a benchmark")
    _check_names(options, records)
    for is_wanted, latex, tables in ((options.latex, True, latex_tables), (options.markdown, False, markdown_tables)):
        if is_wanted and options.by_pattern:
            typer.echo(pattern_tables(records, score=options.score, latex=latex))
        elif is_wanted:
            typer.echo(tables(records, score=options.score))
    if options.figures is not None:
        written = write_figures(records, options.figures, options.score, options.focus)
        typer.echo(f"{len(written)} figures in {options.figures}", err=True)
    path = options.page_path()
    if path is not None:
        write_page(path, benchmark_page(records, options.title or _title(options.folder), options.score, options.focus))
        typer.echo(f"Page: {path}", err=True)


def _check_names(options: ReportOptions, records: "list[Record]") -> None:
    from redcore._validation import check_known
    from redcore.benchmark import score_names

    if options.score is not None:
        check_known("score", [options.score], score_names(records))
    if options.focus is not None:
        check_known("method", [options.focus], sorted({record.method_title for record in records}))


def _title(folder: Path) -> str:
    """Return the title of the benchmark, or the name of the folder or file if the title is unknown."""
    import json

    try:
        spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        return str(spec["title"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name.removesuffix(".gz").removesuffix(".jsonl")
