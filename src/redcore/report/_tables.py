"""Score tables for papers: one per data set, methods by protocols."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from redcore.benchmark import Entry, Over, Ranking, Record, best_methods, rank_methods, summarise
from redcore.metrics import HEADLINES, score_label

__all__ = ["latex_tables", "markdown_tables"]

TIED = "dagger"
DIGITS = 3
MOST_COLUMNS = 3


@dataclass(frozen=True)
class ScoreCell:
    """A mean with its interval, and how it stands in its column."""

    entry: Entry
    best: bool
    tied: bool


@dataclass(frozen=True)
class ScoreTable:
    """The scores of one data set; a method may lack a protocol."""

    data: str
    label: str
    protocols: list[str]
    rows: dict[str, list[ScoreCell | None]]


def latex_tables(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> str:
    r"""Return LaTeX for ``\input``: one booktabs table per data set, and one of mean ranks.

    Parameters
    ----------
    records : sequence of Record
    score : str, optional
        Default: the headline of each data set.
    over : {"patterns", "pooled", "as_observed"}

    Returns
    -------
    str
        Needs ``\usepackage{booktabs}``. Means over seeds with 95% bootstrap intervals; the best of a column is bold,
        a dagger marks what is not told apart from it (see `redcore.benchmark.best_methods`).
    """
    tables = [_latex(part) for table in _score_tables(records, score, over) for part in _parts(table)]
    ranking = rank_methods(records, score=score, over=over)
    if ranking is not None and len(ranking.methods) > 1:
        tables.append(_latex_ranks(ranking))
    return "% needs \\usepackage{booktabs}\n" + "\n".join(tables)


def markdown_tables(records: Sequence[Record], *, score: str | None = None, over: Over = "patterns") -> str:
    """Return the tables of `latex_tables` in Markdown."""
    tables = [_markdown(table) for table in _score_tables(records, score, over)]
    ranking = rank_methods(records, score=score, over=over)
    if ranking is not None and len(ranking.methods) > 1:
        ranks = [[_plain(method), f"{rank:.2f}"] for method, rank in _ranks(ranking)]
        tables.append(f"Mean ranks over {_blocks(ranking)}\n\n" + _pipes(["method", "mean rank"], ranks))
    if tables:
        tables.append(
            "Bold: best. ≈: not told apart from the best (95% t interval of paired differences holds zero).\n"
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
    found = (
        name
        for record in records
        if record.status == "done" and record.cell.data.title() == data
        for name in HEADLINES
        if record.metrics["pooled"].get(name) is not None
    )
    return score_label(next(found, "score"))


def _ranks(ranking: Ranking) -> Iterable[tuple[str, float]]:
    return zip(ranking.methods, ranking.mean_ranks, strict=True)


def _blocks(ranking: Ranking) -> str:
    test = ranking.test
    level = "" if test.p_value is None else f" (Friedman p = {test.p_value:.2g})"
    return (
        f"{test.n_blocks} data sets and protocols{level}; critical difference {test.critical_difference:.2f} (Nemenyi)"
    )


def _parts(table: ScoreTable) -> Iterable[ScoreTable]:
    """Yield the table in parts that fit the width of a page."""
    for start in range(0, len(table.protocols), MOST_COLUMNS):
        chosen = slice(start, start + MOST_COLUMNS)
        yield replace(table, protocols=table.protocols[chosen], rows={m: row[chosen] for m, row in table.rows.items()})


def _latex(table: ScoreTable) -> str:
    lines = [_tex(name) + "".join(f" & {_latex_cell(cell)}" for cell in row) for name, row in table.rows.items()]
    caption = (
        f"{_tex(table.data)}: {_tex(table.label)}, mean over seeds with its 95\\% bootstrap interval. Bold: best "
        f"of the column. $^\\{TIED}$: not told apart from the best."
    )
    head = "method" + "".join(f" & {_tex(protocol)}" for protocol in table.protocols)
    return _latex_float(caption, "l" + "c" * len(table.protocols), head, lines)


def _latex_ranks(ranking: Ranking) -> str:
    lines = [f"{_tex(method)} & {rank:.2f}" for method, rank in _ranks(ranking)]
    return _latex_float(f"Mean ranks over {_tex(_blocks(ranking))}.", "lr", "method & mean rank", lines)


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
    # the mark takes room where there is none, so that columns stay aligned
    mark = f"$^\\{TIED}$" if cell.tied else f"\\phantom{{$^\\{TIED}$}}"
    return f"{mean}{mark}{{\\scriptsize\\,[{entry.low:.{DIGITS}f}, {entry.high:.{DIGITS}f}]}}"


SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _tex(text: str) -> str:
    """Return text as LaTeX prints it."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _markdown(table: ScoreTable) -> str:
    rows = [[_plain(name), *map(_markdown_cell, row)] for name, row in table.rows.items()]
    head = ["method", *map(_plain, table.protocols)]
    return f"{_plain(table.data)}: {table.label}\n\n" + _pipes(head, rows)


def _markdown_cell(cell: ScoreCell | None) -> str:
    if cell is None:
        return ""
    entry = cell.entry
    mean = f"**{entry.mean:.{DIGITS}f}**" if cell.best else f"{entry.mean:.{DIGITS}f}"
    return f"{mean}{' ≈' if cell.tied else ''} ({entry.low:.{DIGITS}f} to {entry.high:.{DIGITS}f})"


def _pipes(head: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _plain(text: str) -> str:
    """Return text as Markdown shows it."""
    return "".join(f"\\{character}" if character in "\\|*_`<>[]" else character for character in text)
