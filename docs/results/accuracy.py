"""Figures, tables and findings of the studies `accuracy`, `unseen` and `ceiling`; see make.py."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from redcore.benchmark import Difference, Ranking, Record, compare, rank_methods, score_of

SIMPLE = (
    "prior", "complete_case", "mean_fill", "indicator_linear", "late_fusion", "boosting", "knn_fill", "zero_fill",
    "zero_fill (modality_dropout)",
)  # fmt: skip
PUBLISHED = "redcore (aaai2024)"
BLUE, ORANGE = "#0072B2", "#D55E00"
Table = list[list[str]]


def of_methods(records: Sequence[Record]) -> list[Record]:
    """Leave out the ceiling, which is no method."""
    return [record for record in records if record.cell.method.title() != "bayes"]


def imbalanced(records: Sequence[Record]) -> list[Record]:
    return [record for record in of_methods(records) if record.cell.protocol.name == "imbalanced"]


def data_sets(records: Sequence[Record]) -> list[str]:
    return sorted({record.cell.data.title() for record in records})


def protocols_of(records: Sequence[Record], data: str, method: str) -> set[str]:
    found = of(records, data, method)
    return {record.cell.protocol.title() for record in found}


def of(records: Sequence[Record], data: str, method: str) -> list[Record]:
    return [r for r in records if (r.cell.data.title(), r.cell.method.title()) == (data, method)]


def mean_score(records: Sequence[Record], data: str, method: str) -> float:
    """Return the mean over protocols of the means over seeds."""
    scores: dict[str, list[float]] = {}
    for record in of(records, data, method):
        scores.setdefault(record.cell.protocol.title(), []).append(score_of(record))
    return float(np.mean([np.mean(found) for found in scores.values()])) if scores else float("nan")


def best_simple(records: Sequence[Record], data: str) -> str:
    means = {method: mean_score(records, data, method) for method in SIMPLE}
    return max((method for method in means if not np.isnan(means[method])), key=lambda method: means[method])


def ahead(mean: float, low: float, high: float) -> tuple[float, float, float]:
    """Return how far RedCore is ahead, in points, of what a method's difference to it is, with the interval."""
    return -100 * mean, -100 * high, -100 * low


def leads(records: Sequence[Record]) -> dict[str, tuple[str, tuple[float, float, float]]]:
    """Return by data set the best simple rival, and how far RedCore is ahead of it, under imbalanced rates."""
    found = imbalanced(records)
    against = {one.method: one for one in compare(found, "stacked")}
    rivals = {data: best_simple(found, data) for data in data_sets(found)}
    return {data: (rival, ahead(*against[rival].by_data[data])) for data, rival in rivals.items()}


def shown(values: tuple[float, float, float]) -> str:
    return f"{values[0]:+.1f} ({values[1]:+.1f} to {values[2]:+.1f})"


def ranked(records: Sequence[Record]) -> Ranking:
    """Rank the methods that were run on every data set and protocol."""
    places: dict[str, set[tuple[str, str]]] = {}
    for record in records:
        place = (record.cell.data.title(), record.cell.protocol.title())
        places.setdefault(record.cell.method.title(), set()).add(place)
    most = max(len(found) for found in places.values())
    complete = {method for method, found in places.items() if len(found) == most}
    ranking = rank_methods([record for record in records if record.cell.method.title() in complete])
    assert ranking is not None
    return ranking


def accuracy_figure(records: Sequence[Record]) -> Figure:
    """Show RedCore's lead over the best simple rival of each data set, and the mean ranks of all methods."""
    found = leads(records)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (_, (mean, low, high)) in enumerate(found.values()):
        left.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", color=BLUE, markersize=5)
    left.set_yticks(range(len(found)), [f"{data}\nover {rival}" for data, (rival, _) in found.items()], fontsize=8)
    left.axvline(0, color="black", linewidth=0.8)
    left.set_xlabel("points ahead, imbalanced rates, 95% interval")
    ranking = ranked(of_methods(records))
    right.barh(range(len(ranking.methods)), ranking.mean_ranks, color=BLUE)
    right.set_yticks(range(len(ranking.methods)), ranking.methods, fontsize=8)
    right.set_xlabel("mean rank (1 is best)")
    for axis in (left, right):
        _tidy(axis)
    return figure


def _tidy(axis: Axes) -> None:
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", alpha=0.3)


def score_cell(records: Sequence[Record], data: str, method: str, against: Difference | None) -> str:
    """Return the mean score; of a method that lacks protocols, points to RedCore on those that it has."""
    if protocols_of(records, data, method) == protocols_of(records, data, "stacked"):
        return f"{mean_score(records, data, method):.3f}"
    if against is None or data not in against.by_data:
        return ""
    return f"{100 * against.by_data[data][0]:+.1f} points"


def accuracy_table(records: Sequence[Record]) -> Table:
    """One row per method, best mean rank first: scores by data set, comparison with RedCore, calibration, cost."""
    found = of_methods(records)
    every, names = data_sets(found), sorted({record.cell.method.title() for record in found})
    ranking = ranked(found)
    ranks = dict(zip(ranking.methods, ranking.mean_ranks, strict=True))
    against = {one.method: one for one in compare(found, "stacked")}
    rows = [["method", *every, "mean rank", "RedCore wins / losses", "p (Holm)", "ECE", "NLL", "CPU s to fit", "seeds"]]
    for name in sorted(names, key=lambda name: ranks.get(name, np.inf)):
        own = [record for record in found if record.cell.method.title() == name]
        one = against.get(name)
        scores = [score_cell(found, data, name, one) for data in every]
        p_value = None if one is None else one.adjusted
        rows.append([
            name,
            *scores,
            f"{ranks[name]:.2f}" if name in ranks else "",
            "" if one is None else f"{one.losses} / {one.wins}",
            "" if p_value is None else f"{p_value:.2g}",
            _mean(own, "ece"),
            _mean(own, "nll"),
            f"{np.mean([record.cpu_seconds['fit'] for record in own]):.1f}",
            str(len({record.cell.seed for record in own})),
        ])  # fmt: skip
    return rows


def _mean(records: Sequence[Record], score: str) -> str:
    values = [score_of(record, score) for record in records]
    return f"{np.nanmean(values):.3f}" if np.isfinite(values).any() else ""


def accuracy_findings(records: Sequence[Record]) -> list[str]:
    found = leads(records)
    ranking = ranked(of_methods(records))
    order = ", ".join(f"{m} {r:.2f}" for m, r in zip(ranking.methods[:5], ranking.mean_ranks[:5], strict=True))
    against = ", ".join(f"{data} {shown(values)} over {rival}" for data, (rival, values) in found.items())
    n_ahead = sum(low > 0 for _, (_, low, _) in found.values())
    n_behind = sum(high < 0 for _, (_, _, high) in found.values())
    sentences = [
        f"Mean ranks over {ranking.test.n_blocks} pairs of data set and protocol that all methods have: {order}.",
        f"Under imbalanced rates RedCore is, in points with 95% intervals, ahead of the best simple rival of each data "
        f"set by: {against}; ahead beyond the interval on {n_ahead} of {len(found)}, behind on {n_behind}.",
    ]
    published = [one for one in compare(of_methods(records), "stacked") if one.method == PUBLISHED]
    if published:
        gain = shown(ahead(published[0].mean, published[0].low, published[0].high))
        sentences.append(f"The default is {gain} points ahead of the preset aaai2024, mean over data sets.")
    return sentences


def ceiling_gaps(records: Sequence[Record], method: str) -> dict[str, dict[str, float]]:
    """Return points under the Bayes optimum by data set and missing pattern, mean over seeds."""
    scores: dict[tuple[str, int, str], dict[str, float]] = {}
    for record in records:
        for pattern, metrics in record.metrics["per_pattern"].items():
            place = (record.cell.data.title(), record.cell.seed, pattern)
            scores.setdefault(place, {})[record.cell.method.title()] = metrics["macro_f1"]
    gaps: dict[str, dict[str, list[float]]] = {}
    for (data, _, pattern), found in scores.items():
        if method in found and "bayes" in found:
            gap = 100 * (found["bayes"] - found[method])
            gaps.setdefault(data, {}).setdefault(pattern, []).append(gap)
    return {data: {p: float(np.mean(values)) for p, values in found.items()} for data, found in gaps.items()}


def ceiling_figure(records: Sequence[Record]) -> Figure:
    """Show the gap of every pattern by the number of modalities in it."""
    data = data_sets(records)
    figure = Figure(figsize=(4.5 * len(data), 3.6), layout="constrained")
    for axis, name in zip(np.atleast_1d(figure.subplots(1, len(data), sharey=True)), data, strict=True):
        for method, colour, shift in (("stacked", BLUE, -0.1), ("late_fusion", ORANGE, 0.1)):
            gaps = ceiling_gaps(records, method).get(name, {})
            sizes = [pattern.count("+") + 1 + shift for pattern in gaps]
            axis.plot(sizes, list(gaps.values()), "o", color=colour, label=method, alpha=0.7)
        axis.axhline(2, color="black", linewidth=0.8, linestyle="--")
        axis.set_title(name, fontsize=10)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("modalities in the pattern")
        axis.set_ylabel("points under the Bayes optimum")
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    return figure


def ceiling_table(records: Sequence[Record]) -> Table:
    rows = [["data", "method", "patterns", "mean gap", "worst pattern", "its gap", "patterns over 2", "largest ECE"]]
    for data in data_sets(records):
        for method in ("stacked", "late_fusion"):
            gaps = ceiling_gaps(records, method)[data]
            worst = max(gaps, key=lambda pattern: gaps[pattern])
            mean, over = np.mean(list(gaps.values())), sum(gap > 2 for gap in gaps.values())
            ece = max(calibration(records, data, method).values())
            rows.append(
                [data, method, str(len(gaps)), f"{mean:.2f}", worst, f"{gaps[worst]:.2f}", str(over), f"{ece:.3f}"]
            )
    return rows


def calibration(records: Sequence[Record], data: str, method: str) -> dict[str, float]:
    """Return the expected calibration error of every pattern, mean over seeds."""
    own = of(records, data, method)
    return {p: float(np.mean([r.metrics["per_pattern"][p]["ece"] for r in own])) for p in own[0].metrics["per_pattern"]}


def ceiling_findings(records: Sequence[Record]) -> list[str]:
    sentences = []
    for data in data_sets(records):
        gaps = ceiling_gaps(records, "stacked")[data]
        over, ece = sum(gap > 2 for gap in gaps.values()), max(calibration(records, data, "stacked").values())
        sentences.append(
            f"{data}: RedCore is {np.mean(list(gaps.values())):.2f} points under the Bayes optimum on average and "
            f"{max(gaps.values()):.2f} on the worst of {len(gaps)} missing patterns ({over} over 2 points); its "
            f"expected calibration error is at most {ece:.3f} on any pattern."
        )
    return sentences
