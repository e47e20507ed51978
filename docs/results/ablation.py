"""Figure, tables and findings of the page `ablation`: the network and the default without single parts; see make.py."""

from collections.abc import Sequence

import numpy as np
from accuracy import BLUE, ORANGE, SCORES, Table, data_sets, tidy, with_interval
from matplotlib.figure import Figure

from redcore.benchmark import Difference, Record, compare

NETWORK = "network"
"""Title of the single RedCore network, the reference of all rows."""

WITH_PARTS = "three networks, stacked (default)"
WITHOUT_PARTS = "three networks, stacked, without imputation loss and bottleneck"
UNITS = {"argmax": "points", "proper": "nats (R2 for houses)"}


def differences(records: Sequence[Record], score: str) -> list[Difference]:
    """Return the differences of all rows to the single network, the largest first."""
    return compare(records, NETWORK, score=score)


def ablation_table(records: Sequence[Record], score: str) -> Table:
    """Return one row per method: its difference to the single network on each data set and on all of them."""
    every = data_sets(records)
    rows = [["method", *every, "all", "wins / losses", "p (Holm)"]]
    for one in differences(records, score):
        cells = [with_interval(one.by_data[data], score) for data in every]
        p_value = "" if one.adjusted is None else f"{one.adjusted:.2g}"
        rows.append([one.method, *cells, with_interval(one.overall, score), f"{one.wins} / {one.losses}", p_value])
    return rows


def ablation_findings(records: Sequence[Record]) -> list[str]:
    """Return the gain of imputation and bottleneck together in the default, and that of stacking, by both scores."""
    sentences = []
    for score, label in SCORES.items():
        both = [record for record in records if record.cell.method.title() in (WITH_PARTS, WITHOUT_PARTS)]
        (parts,) = compare(both, WITHOUT_PARTS, score=score)
        by_data = ", ".join(f"{data} {with_interval(one, score)}" for data, one in sorted(parts.by_data.items()))
        sentences.append(
            f"By {label}: imputation loss and bottleneck together gain {with_interval(parts.overall, score)} "
            f"{UNITS[score]} in the default ({by_data})."
        )
    return sentences


def ablation_figure(records: Sequence[Record]) -> Figure:
    """Plot the difference of every row to the single network: all data sets with the interval, and each data set."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots(1, len(SCORES), sharey=True)
    order = [one.method for one in differences(records, "argmax")]
    for axis, (score, label) in zip(axes, SCORES.items(), strict=True):
        factor = 1 if score == "proper" else 100
        for one in differences(records, score):
            row, mean = order.index(one.method), factor * one.overall.mean
            single = [factor * interval.mean for interval in one.by_data.values()]
            axis.plot(single, np.full(len(single), row), "o", color=ORANGE, alpha=0.4, markersize=3)
            bars = np.array([[mean - factor * one.overall.low], [factor * one.overall.high - mean]])
            axis.errorbar(mean, row, xerr=bars, fmt="o", color=BLUE, markersize=5)
        axis.set_yticks(range(len(order)), order, fontsize=8)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_xlabel(f"difference to the single network, {UNITS[score]}")
        axis.set_title(label, fontsize=9)
        tidy(axis, "x")
    axes[0].invert_yaxis()
    return figure
