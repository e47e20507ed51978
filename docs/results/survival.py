"""Figure, table and findings of the page `survival`: Uno's C, integrated Brier score and calibration."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from redcore.benchmark import Record, RunScore, mean_interval, score_of

__all__ = ["survival_figure", "survival_findings", "survival_table"]

SCORES = {"uno_c": "Uno's C", "ibs": "integrated Brier score", "horizon_error": "calibration error"}
DEFAULT = "redcore, stacked"


def blocks_of(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Return the pairs of data set and protocol."""
    return sorted({(record.cell.data.title(), record.cell.protocol.title()) for record in records})


def values_of(records: Sequence[Record], block: tuple[str, str], method: str, score: str) -> dict[int, float]:
    """Return a score of a method on the test samples as observed, by seed."""
    return {
        record.cell.seed: score_of(record, score, "as_observed")
        for record in records
        if (record.cell.data.title(), record.cell.protocol.title()) == block and record.cell.method.title() == method
    }


def estimate(values: Sequence[float], form: str) -> str:
    """Return mean and 95% t interval over runs as text."""
    if not values:
        return ""
    one = mean_interval([RunScore(value) for value in values])
    mean = format(one.mean, form)
    return mean if np.isnan(one.low) else f"{mean} ({format(one.low, form)} to {format(one.high, form)})"


def methods_of(records: Sequence[Record]) -> list[str]:
    return sorted({record.cell.method.title() for record in records})


def survival_table(records: Sequence[Record]) -> list[list[str]]:
    """Return one row per data set, protocol and method."""
    rows = [["data", "protocol", "method", "runs", *SCORES.values()]]
    for block in blocks_of(records):
        for method in methods_of(records):
            columns = [list(values_of(records, block, method, score).values()) for score in SCORES]
            if columns[0]:
                cells = [estimate(column, ".3f") for column in columns]
                rows.append([*block, f"`{method}`", str(len(columns[0])), *cells])
    return rows


def survival_findings(records: Sequence[Record]) -> list[str]:
    """Return the differences of the default to every other method, paired by seed, per data set and protocol."""
    sentences = []
    for block in blocks_of(records):
        for score, label in (("uno_c", "Uno's C, in points"), ("ibs", "integrated Brier score, in points")):
            own, parts = values_of(records, block, DEFAULT, score), []
            for method in methods_of(records):
                other = values_of(records, block, method, score)
                pairs = [100 * (own[seed] - other[seed]) for seed in sorted(own.keys() & other.keys())]
                if pairs and method != DEFAULT:
                    parts.append(f"minus `{method}` {estimate(pairs, '+.1f')}, {len(pairs)} pairs")
            if parts:
                sentences.append(f"{', '.join(block)}; {label}: `{DEFAULT}` {'; '.join(parts)}.")
    return sentences


def survival_figure(records: Sequence[Record]) -> Figure:
    """Plot Uno's C and the integrated Brier score of every method, one row per data set and protocol."""
    blocks, methods = blocks_of(records), methods_of(records)
    figure = Figure(figsize=(8.4, 0.6 + 1.9 * len(blocks)), layout="constrained")
    panels = figure.subplots(len(blocks), 2, squeeze=False)
    for row, block in zip(panels, blocks, strict=True):
        for axis, score in zip(row, ("uno_c", "ibs"), strict=True):
            for place, method in enumerate(methods):
                values = list(values_of(records, block, method, score).values())
                axis.plot(values, [place] * len(values), "o", color="#56B4E9", markersize=3)
                if values:
                    axis.plot([np.mean(values)], [place], "D", color="#0072B2", markersize=6)
            axis.set_yticks(range(len(methods)), methods if axis is row[0] else [""] * len(methods))
            axis.set_title(", ".join(block), fontsize=9)
            axis.set_xlabel(SCORES[score])
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(alpha=0.3)
    return figure
