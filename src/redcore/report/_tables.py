"""Score tables for papers: one table per data set, with methods as rows and protocols as columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from redcore.benchmark import Entry, Over, Ranking, Record, best_methods, rank_methods, summarise
from redcore.metrics import HEADLINES, score_label

__all__ = ["latex_tables", "markdown_tables"]

TIED = "dagger"
DIGITS = 3
MAX_COLUMNS = 3


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
    r"""Return LaTeX tables of the scores, one per data set, and a table of mean ranks.

    Parameters
    ----------
    records : sequence of Record
    score : str, optional
        Name of the score. Default: the headline score of each data set.
    over : {"patterns", "pooled", "as_observed"}
        Aggregation of the score over missing patterns.

    Returns
    -------
    str
        Text for ``\input``, which requires ``\usepackage{booktabs}``. Cells are means over seeds with 95% bootstrap
        intervals. The best method of a column is bold, and a dagger marks methods that do not differ significantly
        from it (see `redcore.benchmark.best_methods`).
    """
    tables = [_latex(part) for table in _score_tables(records, score, over) for part in _split_columns(table)]
    ranking = rank_methods(records, score=score, over=over)
    if ranking is not None and len(ranking.methods) > 1:
        tables.append(_latex_ranks(ranking))
    return "% needs \\usepackage{booktabs}\n" + "\n".join(tables)


def markdown_tables(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> str:
    """Return the tables of `latex_tables` in Markdown."""
    tables = [_markdown(table) for table in _score_tables(records, score, over)]
    ranking = rank_methods(records, score=score, over=over)
    if ranking is not None and len(ranking.methods) > 1:
        ranks = [[_escape_markdown(method), f"{rank:.2f}"] for method, rank in _ranks(ranking)]
        tables.append(f"Mean ranks over {_blocks(ranking)}\n\n" + _markdown_table(["method", "mean rank"], ranks))
    if tables:
        tables.append(
            "Bold: best. ≈: no significant difference to the best (95% t interval of paired differences contains 0).\n"
        )
    return "\n".join(tables)


def _score_tables(records: Sequence[Record], score: str | None, over: Over) -> list[ScoreTable]:
    entries = summarise(records, score=score, over=over)
    best = best_methods(records, score=score, over=over)
    return [
        _score_table([entry for entry in entries if entry.data == data], best, _label(records, data, score))
        for data in dict.fromkeys(entry.data for entry in entries)
    ]


def _score_table(
    entries: list[Entry], best: dict[tuple[str, str], tuple[str, frozenset[str]]], label: str
) -> ScoreTable:
    protocols = list(dict.fromkeys(entry.protocol for entry in entries))
    cells: dict[tuple[str, str], ScoreCell] = {}
    for entry in entries:
        first, near = best[entry.data, entry.protocol]
        cells[entry.method, entry.protocol] = ScoreCell(entry, entry.method == first, entry.method in near)
    methods = sorted({entry.method for entry in entries})
    rows = {method: [cells.get((method, protocol)) for protocol in protocols] for method in methods}
    return ScoreTable(entries[0].data, label, protocols, rows)


def _label(records: Sequence[Record], data: str, score: str | None) -> str:
    if score is not None:
        return score_label(score)
    headlines = (
        name
        for record in records
        if record.status == "done" and record.data_title == data
        for name in HEADLINES
        if record.metrics["pooled"].get(name) is not None
    )
    return score_label(next(headlines, "score"))


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
        _escape_latex(name) + "".join(f" & {_latex_cell(cell)}" for cell in row) for name, row in table.rows.items()
    ]
    caption = (
        f"{_escape_latex(f'{table.data}: {table.label}')}, mean over seeds with its 95\\% bootstrap interval. "
        f"Bold: best of the column. $^\\{TIED}$: no significant difference to the best."
    )
    head = "method" + "".join(f" & {_escape_latex(protocol)}" for protocol in table.protocols)
    return _latex_float(caption, "l" + "c" * len(table.protocols), head, lines)


def _latex_ranks(ranking: Ranking) -> str:
    lines = [f"{_escape_latex(method)} & {rank:.2f}" for method, rank in _ranks(ranking)]
    return _latex_float(f"Mean ranks over {_escape_latex(_blocks(ranking))}.", "lr", "method & mean rank", lines)


def _latex_float(caption: str, columns: str, head: str, lines: list[str]) -> str:
    body = " \\\\\n".join(lines)
    return (
        "\\begin{table}[htbp]\n\\centering\n\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n"
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
    return f"{mean}{mark}{{\\scriptsize\\,[{entry.low:.{DIGITS}f}, {entry.high:.{DIGITS}f}]}}"


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


def _escape_latex(text: str) -> str:
    """Escape the special characters of LaTeX."""
    return "".join(LATEX_ESCAPES.get(character, character) for character in text)


def _markdown(table: ScoreTable) -> str:
    rows = [[_escape_markdown(name), *map(_markdown_cell, row)] for name, row in table.rows.items()]
    head = ["method", *map(_escape_markdown, table.protocols)]
    return f"{_escape_markdown(table.data)}: {table.label}\n\n" + _markdown_table(head, rows)


def _markdown_cell(cell: ScoreCell | None) -> str:
    if cell is None:
        return ""
    entry = cell.entry
    mean = f"**{entry.mean:.{DIGITS}f}**" if cell.best else f"{entry.mean:.{DIGITS}f}"
    return f"{mean}{' ≈' if cell.tied else ''} ({entry.low:.{DIGITS}f} to {entry.high:.{DIGITS}f})"


def _markdown_table(head: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _escape_markdown(text: str) -> str:
    """Escape the special characters of Markdown."""
    return "".join(f"\\{character}" if character in "\\|*_`<>[]" else character for character in text)
