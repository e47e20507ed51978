"""Tables of ``redcore bench table`` and ``redcore bench compare``."""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from redcore._validation import check_known
from redcore.benchmark import (
    Difference,
    Entry,
    Interval,
    Over,
    Record,
    by_tuning,
    compare,
    few_runs,
    pattern_problems,
    rank_methods,
    read_records,
    score_names,
    summarise,
    tuning_warnings,
)
from redcore.cli._output import messages
from redcore.exceptions import RunError
from redcore.metrics import score_label

__all__ = ["json_comparison", "json_table", "print_comparisons", "print_tables", "read_scored"]

FILE_WIDTH = 160
"""Width of tables that are not written to a terminal, which has a width of its own."""

HEADLINES = ("proper", "argmax")
"""Scores of the default tables; see `redcore.benchmark.named_score`."""
COMPANIONS = ("accuracy", "ece", "mae")
"""Scores of the default table that are shown without intervals."""
SHOWN_PROBLEMS = 10


def read_scored(folder: Path, score: str | None) -> list[Record]:
    """Read the records of a benchmark.

    Raises
    ------
    UnknownNameError
        If no record has the score.
    RunError
        If no cell is finished.
    """
    records = read_records(folder)
    if not any(record.status == "done" for record in records):
        raise RunError(f"{folder}: holds no finished records of a benchmark")
    if score is not None:
        check_known("score", [score], score_names(records))
    return records


def headlines(score: str | None) -> tuple[str, ...]:
    return HEADLINES if score is None else (score,)


def json_table(records: Sequence[Record], score: str | None, over: Over) -> dict[str, Any]:
    """Return entries and mean ranks. Without `score`, they are those of the macro-F1 of the predicted classes."""
    entries = summarise(records, score=score, over=over)
    ranking = rank_methods(records, score=score, over=over)
    return _finite(
        {
            "entries": [asdict(entry) for entry in entries],
            "mean_ranks": {} if ranking is None else dict(zip(ranking.methods, ranking.mean_ranks, strict=True)),
            "warning": few_runs(entries),
            "pattern_problems": pattern_problems(records),
        }
    )


def _finite(content: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN, the bounds of intervals of a single run, by None."""

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return _finite(value)
        if isinstance(value, list):
            return [replaced(one) for one in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return {key: replaced(value) for key, value in content.items()}


def print_tables(records: Sequence[Record], score: str | None, over: Over) -> None:
    """Print the scores of all methods, their mean ranks, and warnings about few runs and unscored patterns.

    Methods without and with tuning have separate tables.
    """
    for title, group in by_tuning(records).items():
        _print_group(group, title, score, over)
    entries = [entry for name in headlines(score) for entry in summarise(records, score=name, over=over)]
    _print_warnings(records, entries, score)


def _print_group(records: Sequence[Record], title: str, score: str | None, over: Over) -> None:
    from rich.console import Console
    from rich.table import Table

    scored = [
        {(entry.data, entry.protocol, entry.method): entry for entry in summarise(records, score=name, over=over)}
        for name in headlines(score)
    ]
    companions = {
        name: {(entry.data, entry.protocol, entry.method): entry for entry in summarise(records, score=name, over=over)}
        for name in (COMPANIONS if score is None else ())
    }
    companions = {name: entries for name, entries in companions.items() if entries}
    # the second headline score is that of the first one for regression
    labels = [_label(entries, skip=scored[:place]) for place, entries in enumerate(scored)]
    shown = [place for place, label in enumerate(labels) if label]
    columns = [column for place in shown for column in (labels[place], "95% interval")]
    printed = Table(
        "data", "protocol", "method", *columns, *map(score_label, companions), "fit s", "runs", title=title or None
    )
    rows = dict.fromkeys(key for entries in scored for key in entries)
    for key in rows:
        cells = [cell for place in shown for cell in _cells(scored[place].get(key))]
        others = [_number(entries.get(key)) for entries in companions.values()]
        first = next(entries[key] for entries in scored if key in entries)
        printed.add_row(*key, *cells, *others, f"{first.fit_seconds:.1f}", str(first.n_seeds))
    Console(width=None if sys.stdout.isatty() else FILE_WIDTH).print(printed)
    for place in shown:
        _print_ranks(records, headlines(score)[place], over, labels[place])


def _label(entries: dict[Any, Entry], skip: Sequence[dict[Any, Entry]]) -> str:
    """Return the labels of the scores in these entries, or "" if an earlier column has the same scores."""
    names = dict.fromkeys(entry.score for entry in entries.values())
    before = {entry.score for earlier in skip for entry in earlier.values()}
    return " or ".join(map(score_label, names)) if names.keys() - before else ""


def _cells(entry: Entry | None) -> tuple[str, str]:
    return _number(entry), "" if entry is None else _bounds(entry.low, entry.high)


def _number(entry: Entry | None) -> str:
    return "" if entry is None else f"{entry.mean:.3f}"


def _bounds(low: float, high: float) -> str:
    return "none (1 run)" if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _print_ranks(records: Sequence[Record], score: str, over: Over, label: str) -> None:
    ranking = rank_methods(records, score=score, over=over)
    if ranking is None:
        typer.echo(f"Mean rank by {label}: no data set and protocol has this score for all methods")
        return
    ranks = zip(ranking.methods, ranking.mean_ranks, strict=True)
    typer.echo(f"Mean rank by {label}: " + ", ".join(f"{method} {rank:.2f}" for method, rank in ranks))
    if ranking.test.p_value is not None:
        difference = f"{ranking.test.critical_difference:.2f}"
        typer.echo(f"Friedman p = {ranking.test.p_value:.2g}; Nemenyi critical difference {difference}")


def _print_warnings(records: Sequence[Record], entries: Sequence[Entry], score: str | None) -> None:
    warning = few_runs(entries)
    if warning is not None:
        messages.print(f"Warning: {warning}", markup=False)
    for caution in tuning_warnings(records):
        messages.print(f"Warning: {caution}", markup=False)
    problems = pattern_problems(records)
    for problem in problems[:SHOWN_PROBLEMS]:
        messages.print(f"Pattern without reliable scores: {problem}", markup=False)
    if len(problems) > SHOWN_PROBLEMS:
        messages.print(f"... and {len(problems) - SHOWN_PROBLEMS} more; --json lists all of them", markup=False)
    if score is None:
        _print_unknown_argmax(records)


def _print_unknown_argmax(records: Sequence[Record]) -> None:
    """Name the methods whose records of an earlier version lack the score of the most probable classes."""
    lacking = {
        record.method_title
        for record in records
        if record.status == "done"
        and "nll" in record.metrics["pooled"]
        and "argmax_macro_f1" not in record.metrics["pooled"]
    }
    if lacking:
        methods = ", ".join(sorted(lacking))
        messages.print(f"Some records without {score_label('argmax_macro_f1')}: {methods}", markup=False)


def json_comparison(records: Sequence[Record], base: str, score: str | None, over: Over, rope: float) -> dict[str, Any]:
    """Return the paired differences of `compare`. Without `score`, they are those of the log loss, or R2."""
    differences = compare(records, base, score=headlines(score)[0], over=over, rope=rope)
    return _finite({"base": base, "differences": [asdict(difference) for difference in differences]})


def print_comparisons(
    records: Sequence[Record], base: str, score: str | None, over: Over, rope: float, markdown: bool
) -> None:
    """Print one table of paired differences per headline score, or for one score."""
    for name in headlines(score):
        differences = compare(records, base, score=name, over=over, rope=rope)
        labels = dict.fromkeys(entry.score for entry in summarise(records, score=name, over=over))
        _print_comparison(differences, base, " or ".join(map(score_label, labels)), markdown)
    _print_warnings(records, summarise(records, score=headlines(score)[0], over=over), score)


def _print_comparison(differences: Sequence[Difference], base: str, label: str, markdown: bool) -> None:
    data_sets = sorted({data for difference in differences for data in difference.by_data})
    has_several = len(data_sets) > 1  # a single data set is no sample of data sets
    header = ["method", *data_sets, *(["all"] if has_several else []), "wins / losses"]
    header += ["p (Holm)", "P(worse / equivalent / better)"] if has_several else []
    rows = []
    for one in differences:
        cells = [_difference(one.by_data[data]) if data in one.by_data else "" for data in data_sets]
        record = f"{one.wins} / {one.losses}"
        if has_several:
            p_value = "" if one.adjusted is None else f"{one.adjusted:.2g}"
            bayes = f"{one.bayes.worse:.2f} / {one.bayes.equivalent:.2f} / {one.bayes.better:.2f}"
            rows.append([one.method, *cells, _difference(one.overall), record, p_value, bayes])
        else:
            rows.append([one.method, *cells, record])
    title = f"{label}: differences to {base}, positive if better, with 95% intervals"
    if markdown:
        typer.echo(f"{title}\n")
        for cells in (header, ["---"] * len(header), *rows):
            typer.echo(f"| {' | '.join(cells)} |")
        typer.echo("")
        return
    from rich.console import Console
    from rich.table import Table

    printed = Table(*header, title=title)
    for cells in rows:
        printed.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else FILE_WIDTH).print(printed)


def _difference(interval: Interval) -> str:
    if math.isnan(interval.low):
        return f"{interval.mean:+.3f} (1 run)"
    return f"{interval.mean:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
