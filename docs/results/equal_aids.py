"""Figure and findings of the page `accuracy`: networks with equal aids, and the cost of a score; see make.py."""

from collections.abc import Sequence

import numpy as np
from accuracy import (
    DEFAULT_AMONG_STACKS,
    SCORES,
    Table,
    data_sets,
    fit_seconds,
    ranked,
    tidy,
    with_interval,
    without_optimum,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from redcore.benchmark import Record, RunScore, compare, mean_interval

STACKED = ", stacked"
WITHOUT_NETWORK = (
    "stack", "late_fusion", "meta_learner", "indicator_linear", "mean_fill", "knn_fill", "boosting", "prior",
)  # fmt: skip
PAIRS = (
    *((f"{network}{STACKED}", network) for network in ("redcore", "zero_fill", "mvtcae", "late_fusion_transformer")),
    ("stack", "redcore"),
    *((DEFAULT_AMONG_STACKS, f"{network}{STACKED}") for network in ("zero_fill", "mvtcae", "late_fusion_transformer")),
    (DEFAULT_AMONG_STACKS, "stack"),
    ("redcore", "zero_fill"),
    ("redcore", "mvtcae"),
)
"""Pairs of methods whose difference answers a question of the page."""
# palette of Okabe and Ito, for all kinds of colour vision
COLOURS = {"stacked network": "#0072B2", "network": "#E69F00", "no network": "#009E73"}


def group_of(title: str) -> str:
    """Return the group of a method: "stacked network", "network" or "no network"."""
    if title.endswith(STACKED):
        return "stacked network"
    return "no network" if title in WITHOUT_NETWORK else "network"


def best_of_group(records: Sequence[Record], group: str, score: str) -> str:
    """Return the method of a group, other than RedCore, with the best mean rank."""
    ranking = ranked(records, score)
    order = [name for name in ranking.methods if group_of(name) == group and not name.startswith("redcore")]
    return order[0]


def difference(records: Sequence[Record], method: str, reference: str, score: str) -> str:
    """Return the mean difference over data sets as text, positive in favour of `method`."""
    both = [record for record in records if record.cell.method.title() in (method, reference)]
    (one,) = compare(both, reference, score=score)
    return f"`{method}` minus `{reference}` {with_interval(one.overall, score)}"


def difference_table(records: Sequence[Record], score: str) -> Table:
    """Return one row per pair of methods: its differences by data set, and their mean with two intervals.

    The interval over runs holds for these data sets. The t interval over data sets, of the means of each data set, is
    wider: it also counts the choice of the data sets.
    """
    every = data_sets(without_optimum(records))
    rows = [["difference", *every, "mean, interval over runs", "interval over data sets"]]
    factor, digits = (1, 3) if score == "proper" else (100, 1)
    for method, reference in PAIRS:
        both = [record for record in records if record.cell.method.title() in (method, reference)]
        (one,) = compare(both, reference, score=score)
        means = [one.by_data[data].mean for data in every]
        over_data = mean_interval([RunScore(mean) for mean in means])
        *cells, low, high = (f"{factor * value:+.{digits}f}" for value in (*means, over_data.low, over_data.high))
        rows.append([f"{method} - {reference}", *cells, with_interval(one.overall, score), f"{low} to {high}"])
    return rows


def equal_aids_findings(records: Sequence[Record]) -> list[str]:
    """Return the order of the methods, and what remains of RedCore's lead at equal aids."""
    compared, sentences = without_optimum(records), []
    for score, label in SCORES.items():
        ranking = ranked(compared, score)
        pairs = list(zip(ranking.methods, ranking.mean_ranks, strict=True))
        order = ", ".join(f"`{method}` {rank:.2f}" for method, rank in pairs[:5])
        network = next(rank for method, rank in pairs if method == "redcore")
        references = [best_of_group(compared, "stacked network", score), "stack"]
        stacked = "; ".join(difference(compared, DEFAULT_AMONG_STACKS, reference, score) for reference in references)
        alone = difference(compared, "redcore", best_of_group(compared, "network", score), score)
        unit = "nats, R2 for houses" if score == "proper" else "points"
        sentences.append(
            f"By {label}: mean ranks over {ranking.test.n_blocks} pairs of data set and protocol are {order}; "
            f"`redcore` without a stack has {network:.2f} of {len(pairs)}. Differences with 95% intervals in {unit}: "
            f"{stacked}. Without a stack: {alone}."
        )
    return sentences


def equal_aids_figure(records: Sequence[Record]) -> Figure:
    """Plot mean ranks by group of methods, and mean ranks against the CPU time of a fit."""
    compared = without_optimum(records)
    figure = Figure(figsize=(10, 8.8), layout="constrained")
    for (score, label), (left, right) in zip(SCORES.items(), figure.subplots(2, 2), strict=True):
        ranking = ranked(compared, score)
        ranks = dict(zip(ranking.methods, ranking.mean_ranks, strict=True))
        colours = [COLOURS[group_of(method)] for method in ranks]
        left.barh(range(len(ranks)), list(ranks.values()), color=colours)
        left.set_yticks(range(len(ranks)), list(ranks), fontsize=8)
        left.set_xlabel("mean rank (1 is best)")
        left.invert_yaxis()
        left.set_title(label, fontsize=9)
        _plot_cost(right, compared, ranks)
        for axis in (left, right):
            tidy(axis)
    for group, colour in COLOURS.items():
        figure.axes[0].barh([np.nan], [np.nan], color=colour, label=group)
    figure.axes[0].legend(fontsize=8, frameon=False)
    return figure


def _plot_cost(axis: Axes, records: Sequence[Record], ranks: dict[str, float]) -> None:
    """Plot ranks against CPU seconds, and join the methods that no other method beats in both."""
    seconds = {method: fit_seconds(records, method) for method in ranks if method != "prior"}
    front: list[str] = []
    for method in sorted(seconds, key=lambda name: (seconds[name], ranks[name])):
        if not front or ranks[method] < ranks[front[-1]]:
            front.append(method)
    axis.plot([seconds[m] for m in front], [ranks[m] for m in front], color="0.6", linewidth=1, zorder=0)
    for method in seconds:
        axis.plot(seconds[method], ranks[method], "o", color=COLOURS[group_of(method)], markersize=5)
        if method in front or method.startswith("redcore"):
            axis.annotate(method, (seconds[method], ranks[method]), (4, 3), textcoords="offset points", fontsize=7)
    axis.set_xscale("log")
    axis.set_xlabel("CPU seconds of a fit, mean of the data sets")
    axis.set_ylabel("mean rank")
    axis.invert_yaxis()
