"""Terminal output of the commands: tables, messages, progress bars and JSON."""

import json
import signal
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from redcore.data import JoinReport, Schema
from redcore.exceptions import shortened
from redcore.fitting import Callback, ProgressBar
from redcore.metrics import PatternReport, headline, score_label

if TYPE_CHECKING:
    from redcore.runs import Run

__all__ = [
    "PER_CLASS",
    "SHOWN_CLASSES",
    "InterruptibleBar",
    "fit_with_progress",
    "interruptible",
    "messages",
    "pattern_table",
    "print_join_report",
    "print_json",
    "print_report",
    "result_console",
    "score_text",
    "warnings_as_messages",
]

PER_CLASS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auroc": "AUROC",
    "average_precision": "avg. precision",
}
"""Columns of the table of classes, by score."""

SHOWN_PATTERNS = 20
"""Largest number of missing patterns in a table."""

SHOWN_CLASSES = 20
"""Largest number of classes in the table of classes."""

SHOWN_PROBLEMS = 5
"""Largest number of notes about missing patterns, and of classes in one note."""

FEW_SAMPLES = 10
"""Number of samples of a class below which a note says that its scores are unreliable."""

messages = Console(stderr=True, highlight=False, soft_wrap=True)
"""Console on stderr for messages. Results go to stdout."""


def print_json(content: Mapping[str, Any]) -> None:
    """Print the result of a command as one JSON object."""
    # flush here because typer handles a closed pipe only while the command runs
    print(json.dumps(content, allow_nan=False), flush=True)  # noqa: T201


def print_run_report(data: str, method: str, report: PatternReport, schema: Schema) -> None:
    """Print the report of one method as `print_report` does; for several targets, one table each."""
    if not report.parts:
        print_report(data, {method: report}, schema.target_kind)
    for name, part in report.parts.items():
        print_report(f"target {name!r} of {data}", {method: part}, schema.of_part(name).target_kind)


def print_report(data: str, reports: Mapping[str, PatternReport], target_kind: str) -> None:
    """Print the headline score as a table with missing patterns as rows and methods as columns.

    The best score of each row is bold.

    Parameters
    ----------
    data : str
        Description of the scored samples, for the title.
    reports : mapping of str to PatternReport
        Scores per method.
    target_kind : str
        Kind of target, which determines the headline score.
    """
    score = headline(target_kind)
    table = Table(title=f"{score} on {data}, by missing pattern")
    table.add_column("observed modalities", no_wrap=True)
    for method in reports:
        table.add_column(method, justify="right")
    table.add_column("samples", justify="right")
    columns = [
        {**report.per_pattern, "all patterns pooled": report.pooled, "as observed": report.as_observed}
        for report in reports.values()
    ]
    last_pattern = list(columns[0])[-3]
    for row, entry in columns[0].items():
        values = [column[row].get(score) for column in columns]
        best = max((value for value in values if value is not None), default=None)
        cells = [_cell(value, value == best and len(values) > 1) for value in values]
        table.add_row(escape(row), *cells, str(entry["n_samples"]), end_section=row == last_pattern)
    result_console().print(table)
    problems = next(iter(reports.values())).problems
    for pattern, problem in list(problems.items())[:SHOWN_PROBLEMS]:
        messages.print(f"note: {pattern}: {problem}", markup=False)
    if len(problems) > SHOWN_PROBLEMS:
        messages.print(f"note: ... and {len(problems) - SHOWN_PROBLEMS} more patterns; --json lists all of them")
    if len(reports) == 1:
        _print_weighted(next(iter(reports.values())), score)
        _print_details(next(iter(reports.values())))


def _print_weighted(report: PatternReport, score: str) -> None:
    """Print the headline score of each missing pattern with and without inverse probability weights."""
    if not report.weighted:
        return
    table = Table("observed modalities", title=f"{score} with inverse probability weights")
    for column in ("unweighted", "weighted", "samples", "effective samples"):
        table.add_column(column, justify="right")
    for name, weighted in report.weighted.items():
        plain = report.per_pattern[name]
        sizes = (f"{plain['n_samples']:.0f}", f"{weighted['effective_samples']:.0f}")
        table.add_row(escape(name), _cell(plain.get(score), False), _cell(weighted.get(score), False), *sizes)
    result_console().print(table)


def result_console() -> Console:
    """Return a console on stdout. If stdout is no terminal, it has at least 100 columns."""
    return Console(width=None if sys.stdout.isatty() else max(100, messages.width), highlight=False)


def _print_details(report: PatternReport) -> None:
    """Print the scores per class, the confusion matrix and the intervals of the predictions as observed."""
    details = report.details
    if details is None:
        return
    console = result_console()
    if details.per_class:
        table = Table(title="by class, as observed")
        for column in ("class", "samples", "predicted", "correct", *PER_CLASS.values()):
            table.add_column(column, justify="left" if column == "class" else "right")
        for code, row in enumerate(details.per_class[:SHOWN_CLASSES]):
            counts = (row["n_samples"], row["n_predicted"], details.confusion[code][code])
            table.add_row(
                escape(str(row["class"])), *map(str, counts), *(_cell(row[name], False) for name in PER_CLASS)
            )
        console.print(table)
        if len(details.per_class) > SHOWN_CLASSES:
            console.print(f"... and {len(details.per_class) - SHOWN_CLASSES} more classes; --json shows all of them")
        rare = [f"{row['class']} ({row['n_samples']})" for row in details.per_class if row["n_samples"] < FEW_SAMPLES]
        if rare:
            messages.print(
                f"note: classes with fewer than {FEW_SAMPLES} samples here: {shortened(rare, SHOWN_PROBLEMS, str)}. "
                "Their scores, and the intervals of scores that average over classes, are unreliable",
                markup=False,
            )
    unit = "groups" if details.by_group else "samples"
    for name, interval in details.intervals.items():
        limits = "no interval" if interval is None else f"95% interval {interval[0]:.3f} to {interval[1]:.3f}"
        value = _cell(report.as_observed.get(name), False)
        console.print(f"{score_label(name)}: {value} ({limits}, {details.n_units} {unit})")


def score_text(value: float | None) -> str:
    """Return a score with three digits, or a dash if it is undefined."""
    return "-" if value is None else f"{value:.3f}"


def _cell(value: float | None, best: bool) -> str:
    text = score_text(value)
    return f"[bold]{text}[/bold]" if best else text


def print_join_report(report: JoinReport, names: Sequence[str]) -> None:
    """Print the samples of each modality and the missing patterns of a join."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False)
    modalities = Table("modality", "source", title="Modalities")
    for heading in ("ids", "observed", "missing", "in no other"):
        modalities.add_column(heading, justify="right")
    for name, count in report.modalities.items():
        missing = report.n_samples - count.n_observed
        counts = (count.n_ids, count.n_observed, missing, count.n_only_here)
        modalities.add_row(name, count.source, *map(str, counts))
    console.print(modalities)
    console.print(pattern_table(names, [(pattern.observed, pattern.n_samples) for pattern in report.patterns]))
    if report.n_target_only:
        console.print(f"{report.n_target_only} ids have a target but no modality and are left out.")


def pattern_table(names: Sequence[str], patterns: Sequence[tuple[Collection[str], int]]) -> Table:
    """Return a table of missing patterns and their numbers of samples; those beyond `SHOWN_PATTERNS` are one row.

    Parameters
    ----------
    names : sequence of str
        Modalities, one column each.
    patterns : sequence of tuple
        Observed modalities and number of samples of each pattern, most frequent first.
    """
    table = Table(*names, title="Missing patterns (o observed)")
    table.add_column("samples", justify="right")
    table.add_column("")
    for observed, n_samples in patterns[:SHOWN_PATTERNS]:
        marks = ["o" if name in observed else "" for name in names]
        table.add_row(*marks, str(n_samples), "█" * max(1, round(20 * n_samples / patterns[0][1])))
    others = patterns[SHOWN_PATTERNS:]
    if others:
        n_others = sum(n_samples for _, n_samples in others)
        table.add_row(f"{len(others)} others", *[""] * (len(names) - 1), str(n_others), "")
    return table


class InterruptibleBar(ProgressBar):
    """Progress bar on stderr that stops training after an interrupt.

    Parameters
    ----------
    name : str
        Description of the fit.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, messages, transient=True)
        self.interrupted = False

    def should_stop(self) -> bool:
        """Return True if a SIGINT or SIGTERM was received."""
        return self.interrupted


@contextmanager
def interruptible(bar: InterruptibleBar) -> Iterator[None]:
    """Stop training after the current step on the first SIGINT or SIGTERM, and immediately on the second."""

    def handle_signal(number: int, frame: FrameType | None) -> None:
        if bar.interrupted:
            raise KeyboardInterrupt
        bar.interrupted = True

    previous = {number: signal.signal(number, handle_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def fit_with_progress(
    run: "Run", checkpoint: Path | None = None, callbacks: Sequence[Callback] = (), title: str = ""
) -> "Run":
    """Fit `run` with a progress bar and return the fitted run. An interrupted fit keeps its checkpoint.

    The default `title` of the bar is the method.
    """
    with InterruptibleBar(title or run.request.method) as bar, interruptible(bar):
        return run.fit([bar, *callbacks], checkpoint)


@contextmanager
def warnings_as_messages() -> Iterator[None]:
    """Print Python warnings as one-line messages on stderr."""
    import warnings

    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: messages.print(f"warning: {message}", markup=False)
        yield
