"""Figure, table and findings of the page `tuned`: methods before and after tuning; see make.py."""

from collections.abc import Sequence

import numpy as np
from accuracy import BLUE, DEFAULT_AMONG_STACKS, SCORES, Table, ranked, tidy, with_interval
from equal_aids import difference
from matplotlib.figure import Figure

from redcore.benchmark import Interval, Record, compare

TUNED = " (tuned)"
GREY = "#999999"


def untuned_titles(records: Sequence[Record]) -> list[str]:
    """Return the methods that were run before and after tuning, in the order of the benchmark."""
    titles = dict.fromkeys(record.cell.method.title() for record in sorted(records, key=lambda r: r.cell.seed))
    return [title for title in titles if f"{title}{TUNED}" in titles]


def of_kind(records: Sequence[Record], is_tuned: bool) -> list[Record]:
    """Return the records of the tuned methods, or of the others."""
    return [record for record in records if record.cell.method.title().endswith(TUNED) == is_tuned]


def gain(records: Sequence[Record], method: str, score: str) -> Interval:
    """Return the mean gain of a method by tuning over data sets."""
    both = [record for record in records if record.cell.method.title() in (method, f"{method}{TUNED}")]
    (one,) = compare(both, method, score=score)
    return one.overall


def search_minutes(records: Sequence[Record], method: str) -> float:
    """Return the CPU minutes of the search of a method on one data set, mean of the data sets."""
    spent = {
        r.cell.data.title(): r.tuning["spent"]["cpu_seconds"]
        for r in records
        if r.cell.method.title() == f"{method}{TUNED}"
    }
    return float(np.mean(list(spent.values()))) / 60


def tuned_table(records: Sequence[Record]) -> Table:
    ranks = {
        (score, is_tuned): dict(zip(ranking.methods, ranking.mean_ranks, strict=True))
        for score in SCORES
        for is_tuned in (False, True)
        for ranking in [ranked(of_kind(records, is_tuned), score)]
    }
    head = ["method"]
    head += [f"{kind}, rank by {name}" for name in ("macro-F1", "log loss") for kind in ("default", "tuned")]
    rows = [[*head, "gain of tuning, points", "gain of tuning, nats", "CPU min of the search"]]
    for method in untuned_titles(records):
        own = [
            f"{ranks[score, is_tuned][f'{method}{TUNED}' if is_tuned else method]:.2f}"
            for score in ("argmax", "proper")
            for is_tuned in (False, True)
        ]
        gains = [with_interval(gain(records, method, score), score) for score in ("argmax", "proper")]
        rows.append([method, *own, *gains, f"{search_minutes(records, method):.1f}"])
    return rows


def tuned_figure(records: Sequence[Record]) -> Figure:
    """Plot the gain of each method by tuning with its interval."""
    methods = untuned_titles(records)
    figure = Figure(figsize=(9, 1.2 + 0.34 * len(methods)), layout="constrained")
    for axis, (score, label) in zip(figure.subplots(1, 2, sharey=True), SCORES.items(), strict=True):
        factor = 1 if score == "proper" else 100
        for row, method in enumerate(methods):
            one = gain(records, method, score)
            bars = np.array([[one.mean - one.low], [one.high - one.mean]]) * factor
            colour = BLUE if method.startswith("redcore") else GREY
            axis.errorbar(factor * one.mean, row, xerr=bars, fmt="o", color=colour, markersize=5)
        axis.set_yticks(range(len(methods)), methods, fontsize=8)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(label, fontsize=9)
        axis.set_xlabel(f"gain of tuning, 95% interval, {'nats' if score == 'proper' else 'points'}")
        tidy(axis, "x")
    figure.axes[0].invert_yaxis()
    return figure


def tuned_findings(records: Sequence[Record]) -> list[str]:
    """Return the differences of the default to other stacks, before and after tuning."""
    sentences = []
    for kind, suffix in (("With default settings", ""), (f"After tuning, all methods marked{TUNED}", TUNED)):
        for score, label in SCORES.items():
            ranking = ranked(of_kind(records, bool(suffix)), score)
            order = ", ".join(
                f"`{method.removesuffix(TUNED)}` {rank:.2f}"
                for method, rank in list(zip(ranking.methods, ranking.mean_ranks, strict=True))[:4]
            )
            pairs = "; ".join(
                difference(records, f"{DEFAULT_AMONG_STACKS}{suffix}", f"{other}{suffix}", score)
                for other in ("zero_fill, stacked", "stack")
            )
            alone = difference(records, f"redcore{suffix}", f"mvtcae{suffix}", score)
            sentences.append(f"{kind}, by {label}: mean ranks are {order}. {pairs}; {alone}.")
    return sentences
