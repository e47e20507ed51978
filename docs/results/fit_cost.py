"""Figure, table and findings of the page `fit-cost`: score against CPU time of variants of the default; see make.py."""

from collections.abc import Sequence

import numpy as np
from accuracy import DEFAULT, SCORES, Table, fit_seconds, tidy, with_interval
from matplotlib.figure import Figure

from redcore.benchmark import Difference, Record, compare

BEFORE = "patience 20, no averaging, no patches"
"""Title of the default before weights were averaged."""


def differences(records: Sequence[Record], score: str) -> dict[str, Difference]:
    """Return the difference of every variant to the default, on the cells that both have."""
    return {one.method: one for one in compare(records, DEFAULT, score=score)}


def fit_cost_figure(records: Sequence[Record]) -> Figure:
    """Plot the difference to the default against the CPU seconds of a fit."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    for axis, (score, label) in zip(figure.subplots(1, 2), SCORES.items(), strict=True):
        factor = 1 if score == "proper" else 100
        for method, one in differences(records, score).items():
            overall, seconds = one.overall, fit_seconds(records, method)
            bars = factor * np.array([[overall.mean - overall.low], [overall.high - overall.mean]])
            axis.errorbar(seconds, factor * overall.mean, yerr=bars, fmt="o", color="#0072B2", markersize=5)
            axis.annotate(method, (seconds, factor * overall.mean), (5, 4), textcoords="offset points", fontsize=7)
        axis.plot(fit_seconds(records, DEFAULT), 0, "s", color="#D55E00", label="the default")
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_xscale("log")
        axis.set_xlabel("CPU seconds of a fit, mean of the data sets")
        axis.set_ylabel(f"difference in {'nats (R2)' if score == 'proper' else 'points'}")
        axis.set_title(label, fontsize=9)
        tidy(axis)
        axis.legend(fontsize=8, frameon=False)
    return figure


def fit_cost_table(records: Sequence[Record]) -> Table:
    """Return CPU seconds and differences to the default, by variant."""
    by_score = {score: differences(records, score) for score in SCORES}
    titles = list(dict.fromkeys(record.cell.method.title() for record in records))
    data = sorted({record.cell.data.title() for record in records})
    rows = [["variant", *(f"CPU s, {name}" for name in data), "CPU s, mean", *SCORES.values()]]
    for title in titles:
        own = [record for record in records if record.cell.method.title() == title]
        seconds = [[r.cpu_seconds["fit"] for r in own if r.cell.data.title() == name] for name in data]
        texts = [
            with_interval(by_score[score][title].overall, score) if title in by_score[score] else "" for score in SCORES
        ]
        mean = f"{fit_seconds(records, title):.1f}" if all(seconds) else ""
        rows.append([title, *(f"{np.mean(values):.1f}" if values else "" for values in seconds), mean, *texts])
    return rows


def fit_cost_findings(records: Sequence[Record]) -> list[str]:
    """Return the saving of the default and its price."""
    now, before = fit_seconds(records, DEFAULT), fit_seconds(records, BEFORE)
    price = {score: with_interval(differences(records, score)[BEFORE].overall, score) for score in SCORES}
    return [
        f"A default fit takes {now:.1f} CPU seconds on average over the data sets, {before / now:.1f} times less than "
        f"with patience 20, without averaged weights and without patches ({before:.1f}).",
        f"This variant minus the default: {price['argmax']} points of macro-F1 (R2 for houses), and {price['proper']} "
        "in log loss (R2 for houses); positive differences are in favour of the variant.",
    ]
