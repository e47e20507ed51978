"""Figures of a benchmark for papers, as PDF and PNG."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from redcore._files import write_atomic
from redcore._pattern_names import pattern_modalities, patterns_by_missing_count
from redcore.benchmark import Interval, Record, overall_intervals, pattern_table, rank_methods
from redcore.exceptions import RunError
from redcore.report._comparison import HEADLINE, method_order
from redcore.report._comparison_figures import FOCUS, comparison_figures, file_name
from redcore.report._supervision_figure import COLOURS, STYLES

__all__ = ["write_figures"]

OTHERS = tuple(COLOURS[place] for place in (1, 2, 5, 3))
"""Colours of the methods that follow the one in focus, as on the page; further methods are grey."""
MARKERS = ("o", "s", "^", "D", "P", "v")
SUFFIXES = ("pdf", "png")


def write_figures(
    records: Sequence[Record], folder: Path, score: str | None = None, focus: str | None = None
) -> list[Path]:
    """Write the figures of a benchmark, with the numbers of its page.

    Parameters
    ----------
    records : sequence of Record
        Records of finished and failed cells; failed ones are ignored.
    folder : Path
        Created if it does not exist.
    score : str, optional
        Name of the score. Default: log loss, or R2 for regression.
    focus : str, optional
        Title of the method that is compared with all others. Default: the method with the best mean rank.

    Returns
    -------
    list of Path
        ``verdict``, ``differences-<data set>``, ``training-<data set>-<protocol>``, ``missing-modalities``,
        ``heatmap-<data set>``, ``ranks`` (three methods or more) and ``cost``, each as PDF and PNG.

    Raises
    ------
    RunError
        If the folder cannot be created.
    """
    done = [record for record in records if record.status == "done"]
    order = method_order(done, score)
    focus = focus or next(iter(order), None)
    methods = [] if focus is None else [focus, *(method for method in order if method != focus)]
    data_sets = sorted({record.data_title for record in done})
    figures: dict[str, Figure] = {}
    if focus is not None:
        figures |= comparison_figures(done, focus, score)
        figures["missing-modalities"] = _curves(done, data_sets, methods, score)
        figures["cost"] = _cost(done, methods, score)
        for data, table in pattern_table(done, score=score or HEADLINE).items():
            figures[f"heatmap-{file_name(data)}"] = _heatmap(data, table)
    if len(methods) > 2 and (ranks := _ranks(done, methods, score)) is not None:
        figures["ranks"] = ranks
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be created ({error.strerror})") from None
    return [_write(figure, folder / f"{name}.{suffix}") for name, figure in figures.items() for suffix in SUFFIXES]


def _write(figure: Figure, path: Path) -> Path:
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
    # no creation date, so that the same records give identical files
    metadata = {"CreationDate": None} if path.suffix == ".pdf" else {}
    write_atomic(path, lambda temporary: figure.savefig(temporary, dpi=200, metadata=metadata))
    return path


def _style(index: int) -> dict[str, Any]:
    """Return the style of a method by its place; the method in focus is first and has a colour of its own."""
    if index == 0:
        return {"color": FOCUS, "marker": "o", "linestyle": "-", "linewidth": 2.4, "zorder": 3}
    marker = MARKERS[index % len(MARKERS)]
    if index <= len(OTHERS):
        return {"color": OTHERS[index - 1], "linestyle": STYLES[index - 1], "linewidth": 1.4, "marker": marker}
    return {"color": "#b4b3ad", "linestyle": "-", "linewidth": 0.7, "marker": marker, "zorder": 1}


LEGEND_COLUMNS = 2


def _grid(n_panels: int, n_methods: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with `n_panels` panels and space for a legend of `n_methods` entries."""
    n_columns = min(3, max(2, n_panels))
    n_rows = -(-n_panels // n_columns)
    figure = Figure(
        figsize=(3.4 * n_columns, 2.7 * n_rows + 0.3 + 0.2 * -(-n_methods // LEGEND_COLUMNS)), layout="constrained"
    )
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel().tolist()
    for unused in axes[n_panels:]:
        unused.remove()
    return figure, axes[:n_panels]


def _curves(records: Sequence[Record], data_sets: Sequence[str], methods: Sequence[str], score: str | None) -> Figure:
    figure, axes = _grid(len(data_sets), len(methods))
    for data, panel in zip(data_sets, axes, strict=True):
        panel.set_title(data)
        panel.set_xlabel("number of missing modalities")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        of_data = [record for record in records if record.data_title == data]
        by_count = patterns_by_missing_count(p for record in of_data for p in record.metrics["per_pattern"])
        points = {
            count: overall_intervals(of_data, score=score or HEADLINE, over=names) for count, names in by_count.items()
        }
        for index, method in enumerate(methods):
            _error_bars(panel, {count: own[method] for count, own in points.items() if method in own}, index, method)
    _legend(figure, axes)
    return figure


def _error_bars(panel: Axes, points: Mapping[int, Interval], index: int, method: str) -> None:
    if not points:
        return
    means = [one.mean for one in points.values()]
    # a single run has no interval, and NaN draws no bar
    errors = [[one.mean - one.low for one in points.values()], [one.high - one.mean for one in points.values()]]
    bars = errors if index <= len(OTHERS) else None
    panel.errorbar([*points], means, bars, label=method, markersize=4, elinewidth=0.7, **_style(index))


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    handles: dict[str, Artist] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    columns = min(LEGEND_COLUMNS, len(handles))
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=8)


def _heatmap(data: str, table: dict[str, dict[str, float]]) -> Figure:
    methods = sorted(table)
    patterns = sorted({p for scores in table.values() for p in scores}, key=lambda p: (len(pattern_modalities(p)), p))[
        :64
    ]
    values = np.array([[table[method].get(pattern, np.nan) for method in methods] for pattern in patterns])
    figure = Figure(figsize=(2.5 + 0.8 * len(methods), 1.6 + 0.24 * len(patterns)), layout="constrained")
    panel = figure.subplots()
    image = panel.imshow(values, cmap="cividis", aspect="auto")
    panel.set_xticks(range(len(methods)), methods, rotation=40, ha="right")
    panel.set_yticks(range(len(patterns)), patterns)
    panel.set_title(data)
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "white" if value < middle else "black"
            panel.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image)
    return figure


def _ranks(records: Sequence[Record], order: Sequence[str], score: str | None) -> Figure | None:
    ranking = rank_methods(records, score=score or HEADLINE)
    if ranking is None or ranking.test.n_blocks < 2:
        return None
    n_methods = len(ranking.methods)
    figure = Figure(figsize=(6.5, 1.1 + 0.28 * n_methods), layout="constrained")
    panel = figure.subplots()
    for row, (method, rank) in enumerate(zip(ranking.methods, ranking.mean_ranks, strict=True)):
        colour = _style(order.index(method))["color"]
        panel.plot([1, rank], [row, row], color=colour, linewidth=1, zorder=1)
        panel.plot(rank, row, "o", color=colour, markersize=5)
        panel.annotate(f"{rank:.2f}", (rank, row), xytext=(6, -3), textcoords="offset points", fontsize=8)
    for index, group in enumerate(ranking.groups):
        rows = [ranking.methods.index(method) for method in group]
        x = n_methods + 0.5 + 0.25 * index
        panel.plot([x, x], [min(rows) - 0.25, max(rows) + 0.25], color="black", linewidth=3)
    panel.set_yticks(range(n_methods), ranking.methods)
    panel.invert_yaxis()
    panel.set_xlim(0.9)
    panel.set_xlabel("mean rank")
    panel.set_title(f"critical difference {ranking.test.critical_difference:.2f} (Nemenyi)", fontsize=9)
    panel.spines[["top", "right"]].set_visible(False)
    return figure


def _cost(records: Sequence[Record], methods: Sequence[str], score: str | None) -> Figure:
    figure, axes = _grid(2, len(methods))
    costs: tuple[tuple[str, Callable[[Record], float | None]], ...] = (
        ("seconds to fit", lambda record: record.seconds.get("fit")),
        ("parameters", lambda record: record.n_parameters),
    )
    scores = overall_intervals(records, score=score or HEADLINE)
    for (label, read), panel in zip(costs, axes, strict=True):
        panel.set_xscale("log")
        # plain numbers instead of 10^n, because parsing of mathematical text is off for all labels
        for axis_formatter in (panel.xaxis.set_major_formatter, panel.xaxis.set_minor_formatter):
            axis_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.tick_params(axis="x", which="both", rotation=40, labelsize=8)
        panel.set_xlabel(label)
        panel.set_ylabel("mean score")
        for index, method in enumerate(methods):
            costs_of_method = [read(record) for record in records if record.method_title == method]
            known = [cost for cost in costs_of_method if cost]
            if known and method in scores:
                style = {**_style(index), "linestyle": ""}
                panel.plot(np.mean(known), scores[method].mean, label=method, **style)
    _legend(figure, axes)
    return figure
