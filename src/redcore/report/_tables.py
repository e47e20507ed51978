"""Score tables for papers: one table per data set, with methods as rows and protocols as columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from redcore.benchmark import (
    Entry,
    Over,
    Ranking,
    Record,
    best_methods,
    by_tuning,
    few_runs,
    pattern_problems,
    rank_methods,
    summarise,
    tuning_warnings,
)
from redcore.metrics import score_label
from redcore.report._published import published_tables

__all__ = [
    "HEADLINES",
    "escape_latex",
    "escape_markdown",
    "latex_float",
    "latex_floats",
    "latex_tables",
    "markdown_table",
    "markdown_tables",
]

HEADLINES = ("proper", "argmax")
"""Scores of the tables without a score; see `redcore.benchmark.named_score`."""

TIED = "dagger"
DIGITS = 3
MAX_COLUMNS = 3
MAX_PRINTED_COLUMNS = 4
MOST_FLOATS = 16


@dataclass(frozen=True)
class ScoreCell:
    """Mean score with its interval.

    Attributes
    ----------
    entry : Entry
    best : bool
        True for the best method of the column.
    tied : bool
        True if the method does not differ significantly from the best.
    """

    entry: Entry
    best: bool
    tied: bool


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one data set. A cell is None if the method was not run with the protocol."""

    data: str
    label: str
    protocols: list[str]
    rows: dict[str, list[ScoreCell | None]]


def latex_tables(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> str:
    r"""Return LaTeX tables of the scores, one per score and data set, tables of mean ranks, and published figures.

    Parameters
    ----------
    records : sequence of Record
    score : str, optional
        Name of the score. Default: log loss and macro-F1 of the most probable classes, or R2 for regression.
    over : {"patterns", "pooled", "as_observed"}
        Aggregation of the score over missing patterns.

    Returns
    -------
    str
        Text for ``\input``, which requires ``\usepackage{booktabs}``. Methods without and with tuning have separate
        tables. Cells are means over runs with 95% intervals (see `redcore.benchmark.mean_interval`). The best method of
        a column is bold, and a dagger marks methods that do not differ significantly from it (see
        `redcore.benchmark.best_methods`). Figures that others printed for the data sets stand beside those of the
        records under the same conditions; with `score`, only tables with this score. Comments name few runs, tuning on
        other runs, and patterns without reliable scores.
    """
    tables = []
    for group, suffix, name, label in _groups(records, score):
        tables += [_latex(part) for table in _score_tables(group, suffix, name, over) for part in _split_columns(table)]
        ranking = rank_methods(group, score=name, over=over)
        if ranking is not None and len(ranking.methods) > 1:
            tables.append(_latex_ranks(ranking, label))
    tables += [part for table in published_tables(records, score) for part in _latex_published(table)]
    return latex_floats(_notes(records, score, over), tables)


def markdown_tables(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> str:
    """Return the tables of `latex_tables` in Markdown."""
    tables = []
    for group, suffix, name, label in _groups(records, score):
        tables += [_markdown(table) for table in _score_tables(group, suffix, name, over)]
        ranking = rank_methods(group, score=name, over=over)
        if ranking is not None and len(ranking.methods) > 1:
            ranks = [[escape_markdown(method), f"{rank:.2f}"] for method, rank in _ranks(ranking)]
            title = f"Mean ranks by {label} over {_blocks(ranking)}\n\n"
            tables.append(title + markdown_table(["method", "mean rank"], ranks))
    tables += [_markdown_published(table) for table in published_tables(records, score)]
    if tables:
        tables.append(
            "Bold: best. ≈: no significant difference to the best (95% interval of paired differences contains 0).\n"
        )
        tables += [f"Note: {escape_markdown(note)}\n" for note in _notes(records, score, over)]
    return "\n".join(tables)


def _groups(records: Sequence[Record], score: str | None) -> Iterable[tuple[list[Record], str, str, str]]:
    """Return the records without and with tuning, suffix of their titles, and names and labels of the scores."""
    for title, group in by_tuning(records).items():
        suffix = f", {title}" if title else ""
        for name, label in _scores(group, score):
            yield group, suffix, name, label + suffix


def _scores(records: Sequence[Record], score: str | None) -> Iterable[tuple[str, str]]:
    """Return the names of the scores to show, with their labels, without a second name for the same scores."""
    shown: set[str] = set()
    for name in HEADLINES if score is None else (score,):
        labels = dict.fromkeys(entry.score for entry in summarise(records, score=name))
        if labels.keys() - shown:
            yield name, " or ".join(map(score_label, labels))
        shown |= labels.keys()


def _notes(records: Sequence[Record], score: str | None, over: Over) -> list[str]:
    """Return warnings about few runs, tuning, and patterns without reliable scores."""
    warning = few_runs(summarise(records, score=score or HEADLINES[0], over=over))
    return ([] if warning is None else [warning]) + tuning_warnings(records) + pattern_problems(records)


def _score_tables(records: Sequence[Record], suffix: str, score: str, over: Over) -> list[ScoreTable]:
    entries = summarise(records, score=score, over=over)
    best = best_methods(records, score=score, over=over)
    return [
        _score_table([entry for entry in entries if entry.data == data], best, suffix)
        for data in dict.fromkeys(entry.data for entry in entries)
    ]


def _score_table(
    entries: list[Entry], best: dict[tuple[str, str], tuple[str, frozenset[str]]], suffix: str
) -> ScoreTable:
    protocols = list(dict.fromkeys(entry.protocol for entry in entries))
    cells: dict[tuple[str, str], ScoreCell] = {}
    for entry in entries:
        first, near = best[entry.data, entry.protocol]
        cells[entry.method, entry.protocol] = ScoreCell(entry, entry.method == first, entry.method in near)
    methods = sorted({entry.method for entry in entries})
    rows = {method: [cells.get((method, protocol)) for protocol in protocols] for method in methods}
    return ScoreTable(entries[0].data, score_label(entries[0].score) + suffix, protocols, rows)


def _ranks(ranking: Ranking) -> Iterable[tuple[str, float]]:
    return zip(ranking.methods, ranking.mean_ranks, strict=True)


def _blocks(ranking: Ranking) -> str:
    test = ranking.test
    p_value = "" if test.p_value is None else f" (Friedman p = {test.p_value:.2g})"
    difference = f"critical difference {test.critical_difference:.2f} (Nemenyi)"
    return f"{test.n_blocks} data sets and protocols{p_value}; {difference}"


def _split_columns(table: ScoreTable) -> Iterable[ScoreTable]:
    """Split the table into tables of at most `MAX_COLUMNS` protocols, which fit the width of a page."""
    for start in range(0, len(table.protocols), MAX_COLUMNS):
        columns = slice(start, start + MAX_COLUMNS)
        rows = {method: row[columns] for method, row in table.rows.items()}
        yield replace(table, protocols=table.protocols[columns], rows=rows)


def _latex(table: ScoreTable) -> str:
    lines = [
        escape_latex(name) + "".join(f" & {_latex_cell(cell)}" for cell in row) for name, row in table.rows.items()
    ]
    caption = (
        f"{escape_latex(f'{table.data}: {table.label}')}, mean over runs with its 95\\% interval. "
        f"Bold: best of the column. $^\\{TIED}$: no significant difference to the best."
    )
    head = "method" + "".join(f" & {escape_latex(protocol)}" for protocol in table.protocols)
    return latex_float(caption, "l" + "c" * len(table.protocols), head, lines)


def _latex_ranks(ranking: Ranking, label: str) -> str:
    lines = [f"{escape_latex(method)} & {rank:.2f}" for method, rank in _ranks(ranking)]
    return latex_float(
        f"Mean ranks by {escape_latex(f'{label} over {_blocks(ranking)}')}.", "lr", "method & mean rank", lines
    )


def _published_caption(table: Mapping[str, Any]) -> str:
    return f"{table['title']}. Protocol: {table['protocol']}. Differs: {table['differs']}."


def _latex_published(table: Mapping[str, Any]) -> Iterable[str]:
    """Return the printed figures and those of the records, with at most `MAX_PRINTED_COLUMNS` scores in each table."""
    for start in range(0, len(table["names"]), MAX_PRINTED_COLUMNS):
        columns = slice(start, start + MAX_PRINTED_COLUMNS)
        lines = [
            " & ".join(map(escape_latex, [method, origin, *map(_printed, values[columns])]))
            for method, origin, values in table["rows"]
        ]
        head = " & ".join(map(escape_latex, ["method", "origin", *table["names"][columns]]))
        # the source is a comment: an address does not fit the width of a caption
        yield f"% source: {table['source']}\n" + latex_float(
            escape_latex(_published_caption(table)),
            "ll" + "r" * len(table["names"][columns]),
            head,
            lines,
            "scriptsize",
        )


def _markdown_published(table: Mapping[str, Any]) -> str:
    rows = [[escape_markdown(method), origin, *map(_printed, values)] for method, origin, values in table["rows"]]
    head = ["method", "origin", *map(escape_markdown, table["labels"])]
    return f"{escape_markdown(_published_caption(table))} Source: <{table['source']}>\n\n" + markdown_table(head, rows)


def _printed(value: float | None) -> str:
    return "--" if value is None else f"{value:.{DIGITS + 1}f}"


def latex_floats(notes: Iterable[str], tables: Sequence[str]) -> str:
    """Return notes as comments, and tables. LaTeX fails on a hundred tables without a page break between them."""
    pages = ["\n".join(tables[first : first + MOST_FLOATS]) for first in range(0, len(tables), MOST_FLOATS)]
    comments = "".join(f"% {note}\n" for note in ("needs \\usepackage{booktabs}", *notes))
    return comments + "\n\\clearpage\n".join(pages)


def latex_float(caption: str, columns: str, head: str, lines: list[str], size: str = "footnotesize") -> str:
    """Return a LaTeX table; all arguments are LaTeX code."""
    body = " \\\\\n".join(lines)
    return (
        f"\\begin{{table}}[htbp]\n\\centering\n\\{size}\n\\setlength{{\\tabcolsep}}{{3pt}}\n"
        f"\\caption{{{caption}}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{head} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _latex_cell(cell: ScoreCell | None) -> str:
    if cell is None:
        return "--"
    entry = cell.entry
    mean = f"\\textbf{{{entry.mean:.{DIGITS}f}}}" if cell.best else f"{entry.mean:.{DIGITS}f}"
    # an invisible mark keeps the columns aligned
    mark = f"$^\\{TIED}$" if cell.tied else f"\\phantom{{$^\\{TIED}$}}"
    interval = "1 run" if isnan(entry.low) else f"{entry.low:.{DIGITS}f}, {entry.high:.{DIGITS}f}"
    return f"{mean}{mark}{{\\scriptsize\\,[{interval}]}}"


LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def escape_latex(text: str) -> str:
    """Escape the special characters of LaTeX."""
    return "".join(LATEX_ESCAPES.get(character, character) for character in text)


def _markdown(table: ScoreTable) -> str:
    rows = [[escape_markdown(name), *map(_markdown_cell, row)] for name, row in table.rows.items()]
    head = ["method", *map(escape_markdown, table.protocols)]
    return f"{escape_markdown(table.data)}: {table.label}\n\n" + markdown_table(head, rows)


def _markdown_cell(cell: ScoreCell | None) -> str:
    if cell is None:
        return ""
    entry = cell.entry
    mean = f"**{entry.mean:.{DIGITS}f}**" if cell.best else f"{entry.mean:.{DIGITS}f}"
    interval = "1 run" if isnan(entry.low) else f"{entry.low:.{DIGITS}f} to {entry.high:.{DIGITS}f}"
    return f"{mean}{' ≈' if cell.tied else ''} ({interval})"


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def escape_markdown(text: str) -> str:
    """Escape the special characters of Markdown."""
    return "".join(f"\\{character}" if character in "\\|*_`<>[]" else character for character in text)
