"""Figure, tables and findings of the page `survival`: Uno's C, integrated Brier score and calibration.

`survival-generator.jsonl` has the concordance and the coverage on synthetic data; `benchmarks/survival_generator.py`
writes it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from redcore.benchmark import Entry, Interval, Record, RunScore, leads, mean_interval, score_of, summarise

__all__ = ["survival_figure", "survival_findings", "survival_parts", "survival_table"]

SCORES = {"uno_c": "Uno's C", "ibs": "integrated Brier score", "horizon_error": "calibration error"}
DEFAULT = "redcore, stacked"
NO_BASELINES = (DEFAULT, "redcore", "stack")
"""Titles of the default and of its parts."""

GENERATOR = Path(__file__).parent / "survival-generator.jsonl"
COVERAGE = (0.87, 0.93)
Table = list[list[str]]


def blocks_of(records: Sequence[Record]) -> Iterator[tuple[tuple[str, str], list[Record]]]:
    """Yield the titles of each data set and protocol, and their records."""
    titles = sorted({(record.data_title, record.protocol_title) for record in records})
    for data, protocol in titles:
        yield (data, protocol), [r for r in records if (r.data_title, r.protocol_title) == (data, protocol)]


def text(one: Interval | Entry, form: str, factor: float = 1.0) -> str:
    """Return mean and 95% interval."""
    mean, low, high = (format(factor * value, form) for value in (one.mean, one.low, one.high))
    return mean if np.isnan(one.low) else f"{mean} ({low} to {high})"


def survival_table(records: Sequence[Record]) -> Table:
    """Return one row per data set, protocol and method, with the scores on the test samples as observed."""
    rows = [["data", "protocol", "method", "runs", *SCORES.values()]]
    for block, chosen in blocks_of(records):
        scores = {
            score: {entry.method: entry for entry in summarise(chosen, score=score, over="as_observed")}
            for score in SCORES
        }
        for method, entry in scores["uno_c"].items():
            cells = [text(scores[score][method], ".3f") if method in scores[score] else "" for score in SCORES]
            rows.append([*block, f"`{method}`", str(entry.n_seeds), *cells])
    return rows


def lead_table(records: Sequence[Record]) -> Table:
    """Return the leads of the default over every other method, in points, per data set and protocol."""
    points = [f"{label}, points" for label in SCORES.values()]
    rows = [["data", "protocol", "lead of the default over", "pairs", *points]]
    for block, chosen in blocks_of(records):
        by_score = [leads(chosen, DEFAULT, score=score, over="as_observed") for score in SCORES]
        for method, one in by_score[0].items():
            cells = [text(own[method], "+.1f", 100) if method in own else "" for own in by_score]
            rows.append([*block, f"`{method}`", str(one.n_runs), *cells])
    return rows


def survival_findings(records: Sequence[Record]) -> list[str]:
    """Return the leads of the default over the best baseline of each data set and protocol."""
    sentences = []
    for block, chosen in blocks_of(records):
        parts = []
        for score in ("uno_c", "ibs"):
            entries = summarise(chosen, score=score, over="as_observed")
            baselines = [entry.method for entry in entries if entry.method not in NO_BASELINES]
            own = leads(chosen, DEFAULT, score=score, over="as_observed")
            if baselines and baselines[0] in own:
                one = own[baselines[0]]
                parts.append(
                    f"{text(one, '+.1f', 100)} points in {SCORES[score]} over `{baselines[0]}`: {verdict(one)}"
                )
        if parts:
            sentences.append(f"{', '.join(block)}. Lead of the default over the best baseline: {'; '.join(parts)}.")
    return sentences + generator_findings()


def verdict(one: Interval) -> str:
    """Return the position of an interval relative to zero, and the number of pairs."""
    if np.isnan(one.low):
        return "no interval (1 pair of runs)"
    place = "ahead" if one.low > 0 else "behind" if one.high < 0 else "level"
    return f"{place} ({one.n_runs} pairs of runs)"


def generator_results() -> dict[str, dict[str, dict[str, Interval]]]:
    """Return the results on synthetic data by method, missing pattern and quantity."""
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for line in GENERATOR.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        for pattern, quantities in one["patterns"].items():
            for name, value in quantities.items():
                values.setdefault(one["method"], {}).setdefault(pattern, {}).setdefault(name, []).append(value)
    return {
        method: {
            pattern: {name: mean_interval([RunScore(value) for value in column]) for name, column in columns.items()}
            for pattern, columns in patterns.items()
        }
        for method, patterns in values.items()
    }


def generator_table() -> Table:
    """Return one row per method and missing pattern of the synthetic data."""
    names = {"to bayes": "points to `bayes`", "to best": "points to the largest possible"}
    rows = [["method", "observed", "seeds", "concordance", *names.values(), "coverage of 90% intervals"]]
    for method, patterns in generator_results().items():
        for pattern, one in patterns.items():
            points = [text(one[name], "+.1f") for name in names]
            concordance, coverage = text(one["concordance"], ".3f"), text(one["coverage"], ".3f")
            row = [f"`{method}`", pattern.replace("+", ", "), str(one["coverage"].n_runs)]
            rows.append([*row, concordance, *points, coverage])
    return rows


def generator_findings() -> list[str]:
    sentences = []
    for method, patterns in generator_results().items():
        lowest, coverage = ({p: one[name].mean for p, one in patterns.items()} for name in ("to best", "coverage"))
        worst, inside = min(lowest, key=lambda pattern: lowest[pattern]), coverage.values()
        n_inside = sum(COVERAGE[0] <= value <= COVERAGE[1] for value in inside)
        n_seeds = patterns[worst]["coverage"].n_runs
        sentences.append(
            f"Synthetic data, `{method}`, means over {n_seeds} seeds: on the worst missing pattern ({worst}), the "
            f"concordance is {-lowest[worst]:.1f} points below the largest possible one. The coverage of 90% intervals "
            f"is {min(inside):.3f} to {max(inside):.3f} and within {COVERAGE[0]:g} to {COVERAGE[1]:g} on {n_inside} of "
            f"{len(coverage)} patterns."
        )
    return sentences


def survival_parts(records: Sequence[Record]) -> list[tuple[str, Table]]:
    """Return the other tables of the page with their headings."""
    return [
        ("Leads of the default. Positive values are in favour of the default, for every score:", lead_table(records)),
        ("Synthetic data:", generator_table()),
    ]


def survival_figure(records: Sequence[Record]) -> Figure:
    """Plot Uno's C and the integrated Brier score of every method, one row per data set and protocol."""
    blocks = list(blocks_of(records))
    methods = sorted({record.method_title for record in records})
    figure = Figure(figsize=(8.4, 0.6 + 1.9 * len(blocks)), layout="constrained")
    for row, (block, chosen) in zip(figure.subplots(len(blocks), 2, squeeze=False), blocks, strict=True):
        for axis, score in zip(row, ("uno_c", "ibs"), strict=True):
            for place, method in enumerate(methods):
                values = [score_of(r, score, "as_observed") for r in chosen if r.method_title == method]
                axis.plot(values, [place] * len(values), "o", color="#56B4E9", markersize=3)
                if values:
                    axis.plot([np.mean(values)], [place], "D", color="#0072B2", markersize=6)
            axis.set_yticks(range(len(methods)), methods if axis is row[0] else [""] * len(methods))
            axis.set_title(", ".join(block), fontsize=9)
            axis.set_xlabel(SCORES[score])
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(alpha=0.3)
    return figure
