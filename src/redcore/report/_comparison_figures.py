"""Figures of the comparison of one method with all others for papers, with the numbers of the page."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from redcore._pattern_names import pattern_modalities
from redcore.benchmark import Interval, Record, leads
from redcore.report._comparison import HEADLINE, pattern_leads, training_patterns

__all__ = ["BEHIND", "FOCUS", "LEVEL", "comparison_figures", "file_name"]

FOCUS, LEVEL, BEHIND = "#0072b2", "#5b5f66", "#9a3b00"
"""Colours of the page (--focus, --faint and --warn in page.css, light scheme)."""
MOST_BARS = 24


def comparison_figures(records: Sequence[Record], focus: str, score: str | None) -> dict[str, Figure]:
    """Return the figures ``verdict``, ``differences-<data set>`` and ``training-<data set>-<protocol>`` by name.

    Parameters
    ----------
    records : sequence of Record
        Records of finished cells.
    focus : str
        Title of the method in focus.
    score : str, optional
        Name of the score. Default: that of the page.
    """
    figures = {}
    own = leads(records, focus, score=score or HEADLINE)
    if own:
        figures["verdict"] = _verdict(own, focus)
        for data, by_pattern in pattern_leads(records, focus, score).items():
            if any(by_pattern.values()):
                figures[f"differences-{file_name(data)}"] = _differences(by_pattern, f"{data}: lead of {focus}")
    for (data, protocol), counts in training_patterns(records).items():
        figures[f"training-{file_name(data)}-{file_name(protocol)}"] = _upset(counts, f"{data}, {protocol}")
    return figures


def file_name(title: str) -> str:
    """Return the title with a dash in place of every character that is not a letter or digit."""
    return "".join(character if character.isalnum() else "-" for character in title)


def _colour(one: Interval) -> str:
    if one.low > 0:
        return FOCUS
    return BEHIND if one.high < 0 else LEVEL


def _verdict(own: Mapping[str, Interval], focus: str) -> Figure:
    rows = sorted([*((one.mean, name) for name, one in own.items()), (0.0, focus)])
    figure = Figure(figsize=(6.8, 1.1 + 0.24 * len(rows)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(0, color=FOCUS, linewidth=1.5)
    for row, (mean, name) in enumerate(rows):
        if name == focus:
            axis.plot(0, row, "o", color=FOCUS, markersize=7)
            continue
        one, colour = own[name], _colour(own[name])
        axis.barh(row, mean, 0.55, color=colour, alpha=0.2)
        axis.plot([one.low, one.high], [row, row], color=colour, linewidth=1.5)
        axis.plot(mean, row, "o", color=colour, markerfacecolor="white" if colour == LEVEL else colour, markersize=5)
    axis.set_yticks(range(len(rows)), [name for _, name in rows])
    axis.invert_yaxis()
    axis.set_xlabel(f"lead of {focus} (right: it is better)\nmean over data sets with 95% interval", fontsize=9)
    # methods far behind the others must not hide the differences between these
    highs = sorted(one.high if np.isfinite(one.high) else one.mean for one in own.values())
    axis.set_xlim(right=min(highs[-1], 3 * max(highs[len(highs) // 2], 0.002)) * 1.04)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _differences(by_pattern: Mapping[str, Mapping[str, Interval]], title: str) -> Figure:
    patterns = sorted(by_pattern, key=lambda name: (len(pattern_modalities(name)), name))
    methods = list(dict.fromkeys(method for pattern in patterns for method in by_pattern[pattern]))
    means = np.array([[_mean(by_pattern[pattern].get(method)) for method in methods] for pattern in patterns])
    largest = float(np.nanquantile(np.abs(means), 0.9)) or 1.0
    figure = Figure(figsize=(2.6 + 1.15 * len(methods), 1.8 + 0.34 * len(patterns)), layout="constrained")
    axis = figure.subplots()
    colours = [[_shade(value, largest) for value in row] for row in means]
    axis.imshow(colours, aspect="auto")
    axis.set_xticks(range(len(methods)), methods, rotation=30, ha="right", fontsize=8)
    axis.set_yticks(range(len(patterns)), [", ".join(pattern_modalities(name)) for name in patterns], fontsize=8)
    axis.set_title(title, fontsize=10)
    for row, pattern in enumerate(patterns):
        for column, method in enumerate(methods):
            _number(axis, column, row, by_pattern[pattern].get(method))
    return figure


def _mean(one: Interval | None) -> float:
    return float("nan") if one is None else one.mean


def _shade(value: float, largest: float) -> tuple[float, ...]:
    """Return the colour of a cell: white mixed with that of the method in focus, or of methods that are ahead of it."""
    strength = 0.0 if np.isnan(value) else 0.04 + 0.36 * min(1.0, abs(value) / largest) ** 0.8
    colour = BEHIND if value < 0 else FOCUS
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return tuple(1 - strength * (1 - part) for part in parts)


def _number(axis: Axes, column: int, row: int, one: Interval | None) -> None:
    if one is None:
        return
    certain = np.isfinite(one.low) and not one.low <= 0 <= one.high
    weight = "bold" if certain else "normal"
    axis.text(column, row - 0.15, f"{one.mean:+.3f}", ha="center", va="center", fontsize=7, fontweight=weight)
    if np.isfinite(one.low):
        axis.text(column, row + 0.22, f"{one.low:+.3f} to {one.high:+.3f}", ha="center", va="center", fontsize=5)


def _upset(counts: Mapping[str, float], title: str) -> Figure:
    bars = sorted(counts.items(), key=lambda item: -item[1])[:MOST_BARS]
    observed = [() if name == "nothing" else pattern_modalities(name) for name, _ in bars]
    modalities = sorted({name for pattern in observed for name in pattern})
    height = 1.9 + 0.24 * len(modalities)
    figure = Figure(figsize=(max(4.0, 1.8 + 0.32 * len(bars)), height), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 0.24 * len(modalities)])
    upper.bar(range(len(bars)), [count for _, count in bars], color=LEVEL)
    for place, (_, count) in enumerate(bars):
        upper.annotate(f"{count:.0f}", (place, count), ha="center", va="bottom", fontsize=7)
    upper.set_title(f"{title}: training samples", fontsize=10)
    upper.spines[["top", "right"]].set_visible(False)
    for place, pattern in enumerate(observed):
        rows = [modalities.index(name) for name in pattern]
        lower.scatter([place] * len(modalities), range(len(modalities)), color="#dedcd5", s=32)
        lower.plot([place] * len(rows), rows, "o-", color=LEVEL, markersize=5.5)
    lower.set_yticks(range(len(modalities)), modalities, fontsize=8)
    lower.set_ylim(len(modalities) - 0.4, -0.6)
    lower.set_xticks([])
    lower.spines[["top", "right", "bottom"]].set_visible(False)
    return figure
