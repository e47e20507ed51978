"""Figure of the values (Shapley values) and interactions of modalities."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["worth_figure"]

BAR, LABELLED_CELLS = "#0072B2", 64
DARK = 0.6
"""Share of the largest interaction above which a cell is dark and its text is white."""


def worth_figure(value: Mapping[str, Any]) -> Figure:
    """Draw the Shapley values of the modalities and their pairwise interactions.

    Parameters
    ----------
    value : mapping
        Result of `redcore.explain.ModalityValue.to_dict`.

    Returns
    -------
    matplotlib.figure.Figure
        A bar chart of the values and a heat map of the interactions. If values are estimates from sampled
        permutations, error bars are twice the standard error.
    """
    names = sorted(value["values"], key=lambda name: value["values"][name])
    figure = Figure(figsize=(10, 1.5 + max(2.5, 0.35 * len(names))), layout="constrained")
    bars, pairs = figure.subplots(1, 2)
    errors = value["standard_errors"]
    widths = [value["values"][name] for name in names]
    bars.barh(range(len(names)), widths, xerr=None if errors is None else [2 * errors[n] for n in names], color=BAR)
    bars.set_xlabel(f"Shapley value ({value['metric']})")
    bars.set_title(f"{value['without']:.3f} without, {value['with_all']:.3f} with all modalities")
    _name_ticks(bars, names, x=False)
    bars.axvline(0.0, color="grey", linewidth=0.8)
    _interactions(figure, pairs, value["interactions"], names[::-1])
    return figure


def _interactions(figure: Figure, axes: Axes, interactions: Mapping[str, float], names: list[str]) -> None:
    grid = np.full((len(names), len(names)), np.nan)
    for row, one in enumerate(names):
        for column, other in enumerate(names):
            interaction = interactions.get(f"{one}+{other}", interactions.get(f"{other}+{one}"))
            grid[row, column] = np.nan if interaction is None else interaction
    largest = float(np.nanmax(np.abs(grid), initial=1e-12)) if len(names) > 1 else 1.0
    image = axes.imshow(grid, cmap="PuOr", vmin=-largest, vmax=largest)
    if grid.size <= LABELLED_CELLS:
        for row, column in np.argwhere(np.isfinite(grid)).tolist():
            colour = "white" if abs(grid[row, column]) > DARK * largest else "black"
            text = f"{grid[row, column]:.3f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_title("interactions: synergy (+), redundancy (-)")
    _name_ticks(axes, names, x=True)
    figure.colorbar(image, ax=axes)


def _name_ticks(axes: Axes, names: list[str], x: bool) -> None:
    axes.set_yticks(range(len(names)), names)
    if x:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    for label in [*axes.get_yticklabels(), *(axes.get_xticklabels() if x else [])]:
        label.set_parse_math(False)
