"""Figures, tables and findings of `unseen` and `ceiling`, and the tables of `accuracy`; see make.py."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from redcore.benchmark import Difference, Interval, Over, Ranking, Record, compare, named_score, rank_methods, score_of
from redcore.metrics import is_lower_better

DEFAULT = "stacked"
"""Title of the default method, stacking around RedCore, in the records."""

DEFAULT_AMONG_STACKS = "redcore, stacked"
"""Title of the same method in a benchmark that also stacks other networks."""

SIMPLE = (
    "prior", "complete_case", "mean_fill", "indicator_linear", "late_fusion", "boosting", "knn_fill", "zero_fill",
    "zero_fill (modality_dropout)",
)  # fmt: skip
"""Titles of the simple baselines."""

PUBLISHED = "redcore (aaai2024)"
"""Title of the reference configuration of the paper."""

SCORES = {"argmax": "macro-F1 of argmax (R2 for regression)", "proper": "log loss in nats (R2 for regression)"}
"""Scores of the rankings; see `redcore.benchmark.named_score`."""

CEILING = (DEFAULT, "redcore", "late_fusion")
"""Titles of the methods of `ceiling` that are compared with the optimum."""

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
Table = list[list[str]]


def f1_of(record: Record, over: Over = "patterns") -> float:
    """Return the macro-F1 of the most probable classes, or R2 for regression."""
    return score_of(record, "argmax", over)


def without_optimum(records: Sequence[Record]) -> list[Record]:
    """Return the records without those of `bayes`, which knows the model of the data."""
    return [record for record in records if record.cell.method.title() != "bayes"]


def imbalanced(records: Sequence[Record]) -> list[Record]:
    return [record for record in without_optimum(records) if record.cell.protocol.name == "imbalanced"]


def data_sets(records: Sequence[Record]) -> list[str]:
    return sorted({record.cell.data.title() for record in records})


def default_of(records: Sequence[Record]) -> str:
    """Return the title of the default in these records."""
    titles = {record.cell.method.title() for record in records}
    return DEFAULT_AMONG_STACKS if DEFAULT_AMONG_STACKS in titles else DEFAULT


def protocols_of(records: Sequence[Record], data: str, method: str) -> set[str]:
    return {record.cell.protocol.title() for record in select(records, data, method)}


def select(records: Sequence[Record], data: str, method: str) -> list[Record]:
    return [r for r in records if (r.cell.data.title(), r.cell.method.title()) == (data, method)]


def mean_score(records: Sequence[Record], data: str, method: str, score: str) -> float:
    """Return the mean over protocols of the means over seeds."""
    scores: dict[str, list[float]] = {}
    for record in select(records, data, method):
        scores.setdefault(record.cell.protocol.title(), []).append(score_of(record, score))
    return float(np.mean([np.mean(values) for values in scores.values()])) if scores else float("nan")


def best_simple(records: Sequence[Record], data: str, score: str) -> str:
    means = {method: mean_score(records, data, method, score) for method in SIMPLE}
    name = next(named_score(record, score) for record in records if record.cell.data.title() == data)
    best = min if is_lower_better(name) else max
    return best((method for method in means if not np.isnan(means[method])), key=lambda method: means[method])


def leads(records: Sequence[Record], score: str) -> dict[str, tuple[str, Interval]]:
    """Return the best simple baseline under imbalanced rates, and the lead of the default over it, by data set."""
    selected = imbalanced(records)
    baselines = {data: best_simple(selected, data, score) for data in data_sets(selected)}
    results = {}
    for data, baseline in baselines.items():
        both = [record for record in selected if record.cell.method.title() in (baseline, DEFAULT)]
        (difference,) = compare([r for r in both if r.cell.data.title() == data], baseline, score=score)
        results[data] = (baseline, difference.by_data[data])
    return results


def with_interval(one: Interval, score: str) -> str:
    """Return a difference with its interval as text: in nats or R2 with three digits, or in points (hundredths)."""
    factor, digits = (1, 3) if score == "proper" else (100, 1)
    mean, low, high = (f"{factor * value:+.{digits}f}" for value in (one.mean, one.low, one.high))
    return f"{mean} (1 run)" if np.isnan(one.low) else f"{mean} ({low} to {high})"


def ranked(records: Sequence[Record], score: str) -> Ranking:
    """Rank the methods that were run on every data set and protocol."""
    blocks: dict[str, set[tuple[str, str]]] = {}
    for record in records:
        block = (record.cell.data.title(), record.cell.protocol.title())
        blocks.setdefault(record.cell.method.title(), set()).add(block)
    most = max(len(run) for run in blocks.values())
    complete = {method for method, run in blocks.items() if len(run) == most}
    chosen = [record for record in records if record.cell.method.title() in complete]
    ranking = rank_methods(chosen, score=score)
    assert ranking is not None
    return ranking


def accuracy_figure(records: Sequence[Record]) -> Figure:
    """Plot the lead over the best simple baseline of each data set, and the mean ranks of all methods, by score."""
    figure = Figure(figsize=(9, 8.4), layout="constrained")
    for (score, label), (left, right) in zip(SCORES.items(), figure.subplots(2, 2), strict=True):
        results = leads(records, score)
        factor = 1 if score == "proper" else 100
        for row, (_, one) in enumerate(results.values()):
            bars = np.array([[one.mean - one.low], [one.high - one.mean]]) * factor
            left.errorbar(factor * one.mean, row, xerr=bars, fmt="o", color=BLUE, markersize=5)
        labels = [f"{data}\nover {baseline}" for data, (baseline, _) in results.items()]
        left.set_yticks(range(len(results)), labels, fontsize=8)
        left.axvline(0, color="black", linewidth=0.8)
        left.set_xlabel(f"lead, imbalanced rates, 95% interval, {'nats (R2)' if score == 'proper' else 'points'}")
        left.set_title(label, fontsize=9)
        ranking = ranked(without_optimum(records), score)
        right.barh(range(len(ranking.methods)), ranking.mean_ranks, color=BLUE)
        right.set_yticks(range(len(ranking.methods)), ranking.methods, fontsize=8)
        right.set_xlabel("mean rank (1 is best)")
        for axis in (left, right):
            axis.invert_yaxis()
            tidy(axis, "x")
    return figure


def tidy(axis: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Remove the upper and the right frame, and add a light grid."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis=grid, alpha=0.3)


def fit_seconds(records: Sequence[Record], method: str) -> float:
    """Return the mean CPU seconds of a fit, with equal weight for every data set."""
    by_data: dict[str, list[float]] = {}
    for record in records:
        if record.cell.method.title() == method:
            by_data.setdefault(record.cell.data.title(), []).append(record.cpu_seconds["fit"])
    return float(np.mean([np.mean(values) for values in by_data.values()]))


def score_cell(records: Sequence[Record], data: str, method: str, score: str, against: Difference | None) -> str:
    """Return the mean score, or the difference to the default if the method was not run on all protocols."""
    if protocols_of(records, data, method) == protocols_of(records, data, default_of(records)):
        return f"{mean_score(records, data, method, score):.3f}"
    if against is None or data not in against.by_data:
        return ""
    return f"{against.by_data[data].mean:+.3f} to the default"


def accuracy_table(records: Sequence[Record], score: str) -> Table:
    """Return one row per method in the order of mean ranks: scores, comparison with the default, calibration, cost."""
    selected = without_optimum(records)
    every, names = data_sets(selected), sorted({record.cell.method.title() for record in selected})
    ranking = ranked(selected, score)
    ranks = dict(zip(ranking.methods, ranking.mean_ranks, strict=True))
    against = {one.method: one for one in compare(selected, default_of(records), score=score)}
    tests = ["wins / losses of the default", "p (Holm)", "P(default worse / equivalent / better)"]
    rows = [["method", *every, "mean rank", *tests, "accuracy", "ECE", "CPU s to fit", "seeds"]]
    for name in sorted(names, key=lambda name: ranks.get(name, np.inf)):
        runs = [record for record in selected if record.cell.method.title() == name]
        one = against.get(name)
        p_value = None if one is None else one.adjusted
        # positive differences are in favour of the method, not of the default
        bayes = "" if one is None else f"{one.bayes.better:.2f} / {one.bayes.equivalent:.2f} / {one.bayes.worse:.2f}"
        rows.append([
            name,
            *(score_cell(selected, data, name, score, one) for data in every),
            f"{ranks[name]:.2f}" if name in ranks else "",
            "" if one is None else f"{one.losses} / {one.wins}",
            "" if p_value is None else f"{p_value:.2g}",
            bayes,
            _mean(runs, "accuracy"),
            _mean(runs, "ece"),
            f"{np.mean([record.cpu_seconds['fit'] for record in runs]):.1f}",
            str(len({record.cell.seed for record in runs})),
        ])  # fmt: skip
    return rows


def _mean(records: Sequence[Record], score: str) -> str:
    values = [score_of(record, score) for record in records]
    return f"{np.nanmean(values):.3f}" if np.isfinite(values).any() else ""


def accuracy_findings(records: Sequence[Record]) -> list[str]:
    sentences = []
    for score, label in SCORES.items():
        results = leads(records, score)
        ranking = ranked(without_optimum(records), score)
        order = ", ".join(f"{m} {r:.2f}" for m, r in zip(ranking.methods[:5], ranking.mean_ranks[:5], strict=True))
        against = ", ".join(
            f"{data} {with_interval(one, score)} over {baseline}" for data, (baseline, one) in results.items()
        )
        n_ahead = sum(one.low > 0 for _, one in results.values())
        n_behind = sum(one.high < 0 for _, one in results.values())
        unit = "" if score == "proper" else ", in points"
        sentences.append(
            f"By {label}: mean ranks over {ranking.test.n_blocks} pairs of data set and protocol are {order}. Lead of "
            f"the default over the best simple baseline of each data set under imbalanced rates{unit}, with 95% "
            f"intervals: {against}. The interval is above zero on {n_ahead} of {len(results)} data sets and below zero "
            f"on {n_behind}."
        )
    published = [r for r in without_optimum(records) if r.cell.method.title() in (PUBLISHED, DEFAULT)]
    if any(record.cell.method.title() == PUBLISHED for record in published):
        (difference,) = compare(published, PUBLISHED, score="argmax")
        gain = with_interval(difference.overall, "argmax")
        sentences.append(f"Lead of the default over the preset aaai2024, mean over data sets: {gain} points.")
    return sentences


def ceiling_gaps(records: Sequence[Record], method: str) -> dict[str, dict[str, float]]:
    """Return the gap to the Bayes optimum in points, by data set and missing pattern, averaged over seeds."""
    scores: dict[tuple[str, int, str], dict[str, float]] = {}
    for record in records:
        for pattern, metrics in record.metrics["per_pattern"].items():
            key = (record.cell.data.title(), record.cell.seed, pattern)
            scores.setdefault(key, {})[record.cell.method.title()] = metrics["argmax_macro_f1"]
    gaps: dict[str, dict[str, list[float]]] = {}
    for (data, _, pattern), by_method in scores.items():
        if method in by_method and "bayes" in by_method:
            gap = 100 * (by_method["bayes"] - by_method[method])
            gaps.setdefault(data, {}).setdefault(pattern, []).append(gap)
    return {data: {p: float(np.mean(v)) for p, v in by_pattern.items()} for data, by_pattern in gaps.items()}


def ceiling_figure(records: Sequence[Record]) -> Figure:
    """Plot the gap of every pattern against the number of observed modalities."""
    data = data_sets(records)
    figure = Figure(figsize=(4.5 * len(data), 3.6), layout="constrained")
    for axis, name in zip(np.atleast_1d(figure.subplots(1, len(data), sharey=True)), data, strict=True):
        for method, colour, shift in zip(CEILING, (BLUE, GREEN, ORANGE), (-0.15, 0, 0.15), strict=True):
            gaps = ceiling_gaps(records, method).get(name, {})
            sizes = [pattern.count("+") + 1 + shift for pattern in gaps]
            axis.plot(sizes, list(gaps.values()), "o", color=colour, label=method, alpha=0.7)
        axis.axhline(2, color="black", linewidth=0.8, linestyle="--")
        axis.set_title(name, fontsize=10)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("modalities in the pattern")
        axis.set_ylabel("points below the Bayes optimum")
        tidy(axis)
        axis.legend(fontsize=8, frameon=False)
    return figure


def ceiling_table(records: Sequence[Record]) -> Table:
    rows = [["data", "method", "patterns", "mean gap", "worst pattern", "its gap", "patterns over 2", "largest ECE"]]
    for data in data_sets(records):
        for method in CEILING:
            gaps = ceiling_gaps(records, method)[data]
            worst = max(gaps, key=lambda pattern: gaps[pattern])
            mean, over = np.mean(list(gaps.values())), sum(gap > 2 for gap in gaps.values())
            ece = max(calibration(records, data, method).values())
            rows.append(
                [data, method, str(len(gaps)), f"{mean:.2f}", worst, f"{gaps[worst]:.2f}", str(over), f"{ece:.3f}"]
            )
    return rows


def calibration(records: Sequence[Record], data: str, method: str) -> dict[str, float]:
    """Return the expected calibration error of every pattern, averaged over seeds."""
    chosen = select(records, data, method)
    patterns = chosen[0].metrics["per_pattern"]
    return {p: float(np.mean([r.metrics["per_pattern"][p]["ece"] for r in chosen])) for p in patterns}


def ceiling_findings(records: Sequence[Record]) -> list[str]:
    sentences = []
    for data in data_sets(records):
        gaps = ceiling_gaps(records, DEFAULT)[data]
        over, ece = sum(gap > 2 for gap in gaps.values()), max(calibration(records, data, DEFAULT).values())
        sentences.append(
            f"{data}: the default is on average {np.mean(list(gaps.values())):.2f} points below the Bayes optimum, and "
            f"{max(gaps.values()):.2f} on the worst of {len(gaps)} missing patterns. The gap exceeds 2 points on "
            f"{over} patterns. The expected calibration error is at most {ece:.3f} on any pattern."
        )
    return sentences
