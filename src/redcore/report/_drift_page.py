"""Page of the comparison of new data with the training data of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redcore.metrics import score_label
from redcore.report._page import static_page

if TYPE_CHECKING:
    from redcore.monitoring import LabelledPeriod
    from redcore.runs import DriftReport

    Point = tuple[LabelledPeriod, float | None, Sequence[float] | None]

__all__ = ["drift_page"]

SHOWN_TESTS = 200
"""Number of tests that the page lists, in the order of their p-values."""


def drift_page(report: "DriftReport") -> str:
    """Return the result of ``redcore drift`` as one self-contained HTML page without scripts.

    Parameters
    ----------
    report : DriftReport
        Result of `redcore.runs.check_drift`.

    Returns
    -------
    str
        HTML.
    """
    tests = sorted(report.comparison.tests, key=lambda test: (not test.shifted, test.p_value))
    return static_page(
        "drift.html.j2",
        report=report,
        data=Path(report.data).name,
        model=Path(report.model).name,
        has_coverage=report.labelled is not None and report.labelled.coverage is not None,
        label=score_label,
        comparison=report.comparison,
        messages=report.messages(),
        words=report.words(),
        tests=tests[:SHOWN_TESTS],
        n_others=max(0, len(tests) - SHOWN_TESTS),
        charts=_charts(report),
    )


def _charts(report: "DriftReport") -> list[dict[str, Any]]:
    """Return one chart of each score and of the coverage over time, with positions in percent of the chart."""
    charts: list[dict[str, Any]] = []
    points: list[Point]
    before = report.at_fit.get("scores", {})
    for name in report.periods[0].intervals if report.periods else ():
        points = [(period, period.scores.get(name), period.intervals.get(name)) for period in report.periods]
        charts.append(_chart(score_label(name), points, before.get(name), "test split of the run"))
    if report.periods and report.periods[0].coverage is not None:
        points = [(period, period.coverage, period.coverage_interval) for period in report.periods]
        charts.append(_chart("coverage of 90% intervals", points, 0.9, "nominal coverage"))
    return charts


def _chart(
    title: str,
    points: "Sequence[Point]",
    line: float | None,
    line_label: str,
) -> dict[str, Any]:
    values = [value for _, value, interval in points for value in (value, *(interval or ())) if value is not None]
    values += [] if line is None else [line]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.5
    # no axis beyond the range of shares
    low, high = (
        (max(low - margin, 0.0), min(high + margin, 1.0)) if low >= 0 and high <= 1 else (low - margin, high + margin)
    )

    def height(value: float | None) -> float | None:
        return None if value is None else round(100 * (high - value) / (high - low), 2)

    return {
        "title": title,
        "low": low,
        "high": high,
        "line": height(line),
        "line_value": line,
        "line_label": line_label,
        "points": [
            {
                "x": round(100 * (index + 0.5) / len(points), 2),
                "y": height(value),
                "interval": None if interval is None else [height(bound) for bound in interval],
                "period": period,
                "value": value,
                "bounds": interval,
            }
            for index, (period, value, interval) in enumerate(points)
        ],
    }
