"""Score of the methods of a benchmark against the number of missing modalities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from matplotlib.axes import Axes

from redcore._pattern_names import patterns_by_missing_count
from redcore.benchmark import Interval, Record, mean_interval, named_score, run_score
from redcore.exceptions import RunError
from redcore.metrics import score_label
from redcore.plot._display import Display
from redcore.report import COLOURS, STYLES

__all__ = ["DegradationDisplay"]


@dataclass
class DegradationDisplay(Display):
    """Mean score of each method by number of missing modalities, with 95% intervals.

    Attributes
    ----------
    score : str
        Name of the score.
    curves : dict of str to dict of int to Interval
        Interval by method and number of missing modalities.
    """

    score: str
    curves: dict[str, dict[int, Interval]]

    @classmethod
    def from_records(
        cls, records: Sequence[Record], *, data: str | None = None, score: str | None = None, ax: Axes | None = None
    ) -> Self:
        """Average records of a benchmark over runs, protocols and patterns with the same number of modalities.

        Parameters
        ----------
        records : sequence of Record
            As returned by `redcore.benchmark.read_records`. Failed cells are ignored.
        data : str, optional
            Title of the data set. May be left out if the records have one data set.
        score : str, optional
            As in `redcore.benchmark.named_score`. Default: macro-F1 of the predicted classes, or R2.
        ax : matplotlib.axes.Axes, optional
            Default: a new figure.

        Raises
        ------
        RunError
            If there are no finished records of the data set, or `data` is left out and there are several.
        """
        done = [record for record in records if record.status == "done"]
        titles = sorted({record.data_title for record in done})
        if data is None and len(titles) == 1:
            data = titles[0]
        if data not in titles:
            raise RunError(f"data is {data!r}, expected one of the data sets of the records: {', '.join(titles)}")
        of_data = [record for record in done if record.data_title == data]
        methods = list(dict.fromkeys(record.method_title for record in of_data))
        curves = {m: _curve([r for r in of_data if r.method_title == m], score) for m in methods}
        return cls(named_score(of_data[0], score), curves).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw one line per method."""
        axes = self._axes(ax, 6.0, 4.0)
        for index, (method, curve) in enumerate(self.curves.items()):
            counts = sorted(curve)
            means = [curve[count].mean for count in counts]
            errors = [[curve[c].mean - curve[c].low for c in counts], [curve[c].high - curve[c].mean for c in counts]]
            style: dict[str, Any] = {
                "color": COLOURS[index % len(COLOURS)],
                "linestyle": STYLES[index // len(COLOURS) % len(STYLES)],
            }
            axes.errorbar(counts, means, errors, marker="o", markersize=4, capsize=2, label=method, **style)
        axes.set_xticks(sorted({count for curve in self.curves.values() for count in curve}))
        axes.set_xlabel("number of missing modalities")
        axes.set_ylabel(score_label(self.score))
        axes.grid(axis="y", alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        self._finish()
        return self


def _curve(records: Sequence[Record], score: str | None) -> dict[int, Interval]:
    """Return the mean score of the runs of one method by number of missing modalities."""
    by_count = patterns_by_missing_count(pattern for record in records for pattern in record.metrics["per_pattern"])
    return {
        count: mean_interval([run_score(record, score=score, over=names) for record in records])
        for count, names in by_count.items()
    }
