"""Tables with one column per missing pattern, in the form of the literature: {a}, {v}, {t}, {a,v}, ..., average."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from redcore._pattern_names import pattern_modalities
from redcore.benchmark import Record, named_score, pattern_problems
from redcore.metrics import is_lower_better, score_label
from redcore.report._tables import HEADLINES, escape_latex, escape_markdown, latex_float, latex_floats, markdown_table

__all__ = ["pattern_tables"]

MAX_COLUMNS = 16
DIGITS = 3
SIZES = {"footnotesize": 82, "scriptsize": 92}
"""Text width of an article in characters, by size of the font."""
COLUMN_GAP, NARROW = 1.6, 0.6
"""Distance of columns, and width of a brace or comma, in characters."""

Scores = dict[str, dict[str, float]]
"""Mean score by method and missing pattern."""


def pattern_tables(records: Sequence[Record], *, score: str | None = None, latex: bool = False) -> str:
    r"""Return tables of the scores per missing pattern, one per score, data set and protocol.

    Parameters
    ----------
    records : sequence of Record
    score : str, optional
        Name of the score. Default: log loss and macro-F1 of the most probable classes, or R2 for regression.
    latex : bool
        If True, return LaTeX for ``\input``, which requires ``\usepackage{booktabs}``; else Markdown.

    Returns
    -------
    str
        Columns are missing patterns, ordered by their number of observed modalities, and the mean over patterns. With
        more than 16 patterns, the tables have only the mean over all patterns with the same number of observed
        modalities. Modalities are abbreviated to their shortest unique beginnings. A dash stands for a pattern without
        scores. Values are means over runs; the best one of each column is bold.
    """
    tables, shown = [], set()
    for name in HEADLINES if score is None else (score,):
        for (data, protocol, own), methods in _by_block(records, name).items():
            # the second headline score of regression is the first one
            if (data, protocol, own) not in shown:
                tables += _tables(f"{data}, {protocol}: {score_label(own)}", own, methods, latex)
                shown.add((data, protocol, own))
    problems = pattern_problems(records)
    if latex:
        return latex_floats(problems, tables)
    return "\n".join([*tables, *(f"Note: {escape_markdown(one)}\n" for one in problems)])


def _by_block(records: Sequence[Record], score: str) -> dict[tuple[str, str, str], Scores]:
    """Return the mean scores by (data set, protocol, name of the score); unscored patterns are NaN."""
    values: dict[tuple[str, str, str], dict[str, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for record in records:
        if record.status == "done":
            name = named_score(record, score)
            methods = values[record.data_title, record.protocol_title, name]
            for pattern, scores in record.metrics["per_pattern"].items():
                value = scores.get(name)
                methods[record.method_title][pattern].append(np.nan if value is None else value)
    return {
        block: {
            method: {pattern: _mean(runs) for pattern, runs in patterns.items()} for method, patterns in methods.items()
        }
        for block, methods in sorted(values.items())
        if any(np.isfinite(runs).any() for patterns in methods.values() for runs in patterns.values())
    }


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _tables(title: str, score: str, methods: Scores, latex: bool) -> list[str]:
    """Return one Markdown table, or as many LaTeX tables as the columns need."""
    patterns = {pattern for scores in methods.values() for pattern in scores}
    ordered = sorted(patterns, key=lambda pattern: (len(pattern_modalities(pattern)), pattern))
    short = abbreviations({name for pattern in ordered for name in pattern_modalities(pattern)})
    if len(ordered) <= MAX_COLUMNS:
        columns = {f"{{{','.join(short[name] for name in pattern_modalities(p))}}}": [p] for p in ordered}
    else:
        columns = {}
        for pattern in ordered:
            columns.setdefault(f"{len(pattern_modalities(pattern))} observed", []).append(pattern)
    columns["average"] = ordered
    rows = {
        method: [_mean([scores.get(pattern, np.nan) for pattern in chosen]) for chosen in columns.values()]
        for method, scores in methods.items()
    }
    legend = ", ".join(f"{one}: {name}" for name, one in short.items() if one != name)
    return _written(f"{title}{f' ({legend})' if legend else ''}", list(columns), rows, is_lower_better(score), latex)


def abbreviations(names: set[str]) -> dict[str, str]:
    """Return the shortest beginning of each name that no other name has.

    Examples
    --------
    >>> abbreviations({"audio", "text", "visual"})
    {'audio': 'a', 'text': 't', 'visual': 'v'}
    >>> abbreviations({"mirna", "mrna", "mrna2"})
    {'mirna': 'mi', 'mrna': 'mrna', 'mrna2': 'mrna2'}
    """
    short = {}
    for name in sorted(names):
        others = names - {name}
        lengths = range(1, len(name) + 1)
        unique = (name[:n] for n in lengths if not any(other.startswith(name[:n]) for other in others))
        short[name] = next(unique, name)
    return short


def _written(title: str, columns: list[str], rows: Mapping[str, list[float]], lower: bool, latex: bool) -> list[str]:
    table = np.array(list(rows.values()))
    # a column without any score has no best value
    filled = np.where(np.isnan(table), np.inf if lower else -np.inf, table)
    best = filled.min(axis=0) if lower else filled.max(axis=0)
    bold = "\\textbf{%s}" if latex else "**%s**"

    def cell(value: float, place: int) -> str:
        if np.isnan(value):
            return "--"
        return bold % f"{value:.{DIGITS}f}" if value == best[place] else f"{value:.{DIGITS}f}"

    cells = {method: [cell(value, place) for place, value in enumerate(row)] for method, row in rows.items()}
    if latex:
        size, parts = _layout(columns, max(map(len, cells)))
        return [_latex_part(title, columns, cells, part, size) for part in parts]
    lines_of_markdown = [[escape_markdown(method), *row] for method, row in cells.items()]
    written = markdown_table(["method", *map(escape_markdown, columns)], lines_of_markdown)
    return [f"{escape_markdown(title)}\n\n{written}"]


def _latex_part(title: str, columns: list[str], cells: Mapping[str, list[str]], part: slice, size: str) -> str:
    head = " & ".join(["method", *map(escape_latex, columns[part])])
    lines = [" & ".join([escape_latex(method), *row[part]]) for method, row in cells.items()]
    return latex_float(escape_latex(title), "l" + "c" * len(columns[part]), head, lines, size)


def _layout(columns: list[str], longest_method: int) -> tuple[str, list[slice]]:
    """Return a size of the font and the columns of each table, so that tables fit the text width of an article.

    One table is preferred, also in a smaller font. Otherwise, tables have about equal numbers of columns.
    """
    widths = [_width(column) for column in columns]
    for size, room in SIZES.items():
        if longest_method + sum(widths) <= room:
            return size, [slice(0, len(columns))]
    parts = [slice(0, len(columns))]
    for n_parts in range(2, len(columns) + 1):
        bounds = np.linspace(0, len(columns), n_parts + 1).round().astype(int).tolist()
        parts = [slice(first, last) for first, last in pairwise(bounds)]
        if all(longest_method + sum(widths[part]) <= SIZES["footnotesize"] for part in parts):
            break
    return "footnotesize", parts


def _width(head: str) -> float:
    """Return the width of a column in characters."""
    narrow = sum(character in "{}," for character in head)
    return max(len(head) - (1 - NARROW) * narrow, DIGITS + 2) + COLUMN_GAP
