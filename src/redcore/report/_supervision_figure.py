"""Figure of supervision weights and relative advantages over training."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from redcore._types import AnyArray

__all__ = ["COLOURS", "STYLES", "supervision_figure"]

# palette of Okabe and Ito (2008), distinguishable with all kinds of colour vision
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442")
STYLES = ("-", "--", "-.", ":")


def supervision_figure(steps: Mapping[str, AnyArray]) -> Figure:
    """Draw supervision weights and relative advantages over training.

    Parameters
    ----------
    steps : mapping of str to array (n_steps,)
        Columns ``supervision_weight/<modality>`` and ``relative_advantage/<modality>``, as in `History.steps`.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels with a common step axis. The advantages are averaged over a sliding window of 2% of the steps.
    """
    figure = Figure(figsize=(8, 6), layout="constrained")
    weights, advantages = figure.subplots(2, 1, sharex=True)
    _draw_columns(weights, steps, "supervision_weight/", window=1)
    weights.set_ylabel("supervision weight")
    weights.set_title("Supervision weights and relative advantages of the modalities")
    n_steps = max((len(column) for column in steps.values()), default=1)
    _draw_columns(advantages, steps, "relative_advantage/", window=max(1, n_steps // 50))
    advantages.axhline(0.0, color="grey", linewidth=0.8)
    advantages.set_ylabel("relative advantage (smoothed)")
    advantages.set_xlabel("optimiser step")
    # passed explicitly because matplotlib omits labels that start with an underscore
    lines = weights.get_lines()
    if lines:
        labels = [str(line.get_label()) for line in lines]
        legend = figure.legend(lines, labels, loc="outside lower center", ncols=min(4, len(labels)))
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def _draw_columns(axes: Axes, steps: Mapping[str, AnyArray], prefix: str, window: int) -> None:
    columns = {name[len(prefix) :]: column for name, column in steps.items() if name.startswith(prefix)}
    for index, (name, column) in enumerate(columns.items()):
        smooth = np.convolve(column, np.ones(window) / window, mode="valid")
        first = len(column) - len(smooth)
        style = STYLES[index // len(COLOURS) % len(STYLES)]
        axes.plot(np.arange(first, len(column)), smooth, style, color=COLOURS[index % len(COLOURS)], label=name)
