"""``redcore drift``: comparison of new data with the training data of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._options import Data, Seed

if TYPE_CHECKING:
    from redcore.runs import DriftReport

__all__ = ["drift"]

SHIFTED = 3
"""Exit status of ``--check`` if the data has shifted."""

SHOWN_SCORES = 4


def drift(
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit', or a model file.")],
    data: Data,
    time: Annotated[
        str | None,
        typer.Option(help="Column of a table with the time of each row; labelled samples are scored by period."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write the comparison as a self-contained HTML page.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write all tests to this JSON file.")] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help=f"Exit with status {SHIFTED} if the data has shifted, such as for cron jobs."),
    ] = False,
    seed: Seed = 0,
) -> None:
    """Compare DATA with the training data of RUN: missing modalities, features, categories and predictions.

    Every quantity is tested, and the p-values are corrected for multiple tests (Holm). If DATA has labels, scores and
    the coverage of intervals are compared with those on the test split of the run.
    """
    from redcore._files import write_json
    from redcore.cli._output import warnings_as_messages
    from redcore.runs import check_drift

    with warnings_as_messages():
        report = check_drift(run, data, time, seed)
    if json_file is not None:
        write_json(json_file, report.to_dict())
    if html is not None:
        from redcore.report import drift_page, write_page

        write_page(html, drift_page(report))
    _print(report)
    for path in (html, json_file):
        if path is not None:
            typer.echo(f"Written: {path}")
    if check and report.has_shifted:
        raise typer.Exit(SHIFTED)


def _print(report: "DriftReport") -> None:
    comparison, messages = report.comparison, report.messages()
    result = "shift found" if report.has_shifted else "no shift found"
    typer.echo(
        f"{report.data}: {comparison.n_new} samples compared with {comparison.n_reference} training samples in "
        f"{len(comparison.tests)} tests: {result}"
    )
    for message in messages:
        typer.echo(f"- {message}")
    words = report.words()
    typer.echo(f"{words.meaning}\n→ {words.action}")
    if warning := report.warning():
        typer.echo(f"warning: {warning}")
    if report.labelled is None:
        typer.echo("The data has no labels: scores are not compared.")
        return
    _print_periods(report)


def _print_periods(report: "DriftReport") -> None:
    import sys

    from rich.console import Console
    from rich.table import Table

    from redcore.cli._output import score_text
    from redcore.metrics import score_label

    assert report.labelled is not None
    names = (list(report.labelled.intervals) or list(report.labelled.scores))[:SHOWN_SCORES]
    table = Table(title="scores of the labelled samples")
    for column in ("from", "samples", *map(score_label, names), "coverage (90%)"):
        table.add_column(column, justify="left" if column == "from" else "right", no_wrap=column == "from")
    rows = [*((period.start, period) for period in report.periods), ("all", report.labelled)]
    for name, period in rows:
        scores = [score_text(period.scores.get(score)) for score in names]
        table.add_row(name, str(period.n_samples), *scores, score_text(period.coverage))
    before = report.at_fit.get("scores", {})
    if before:
        scores = [score_text(before.get(score)) for score in names]
        table.add_row("test split of the run", str(before["n_samples"]), *scores, "-")
    Console(width=None if sys.stdout.isatty() else 110, highlight=False).print(table)
