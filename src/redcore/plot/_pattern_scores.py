"""Score of an estimator under every missing pattern."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes

from redcore._pattern_names import pattern_modalities
from redcore._validation import check_known
from redcore.estimators import MultimodalEstimator
from redcore.metrics import AS_OBSERVED, headline, influence, is_lower_better, score_label
from redcore.plot._display import Display, evaluate, half_width
from redcore.report import COLOURS

__all__ = ["PatternScoresDisplay"]


@dataclass
class PatternScoresDisplay(Display):
    """Score by missing pattern, with 95% intervals over test samples.

    Attributes
    ----------
    score : str
        Name of the score in `redcore.metrics`.
    values : dict of str to float
        Score by pattern, such as ``"audio+text"``; ``""`` stands for the samples as observed.
    half_widths : dict of str to float
        Half the width of the interval; NaN if the score has no influence function.
    n_samples : dict of str to int
        Number of samples that observe all modalities of the pattern.
    name : str
        Label of the estimator.
    """

    score: str
    values: dict[str, float]
    half_widths: dict[str, float]
    n_samples: dict[str, int]
    name: str = ""

    @classmethod
    def from_estimator(
        cls,
        estimator: MultimodalEstimator,
        X: Any,
        y: Any = None,
        *,
        availability: Any = None,
        score: str | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Evaluate a fitted estimator under every missing pattern, and draw the scores.

        Parameters
        ----------
        estimator : MultimodalEstimator
        X, y, availability
            Test samples, as in the `fit` of the estimator.
        score : str, optional
            ``"accuracy"``, ``"macro_f1"``, ``"nll"``, ``"r2"``, ... Default: macro-F1, or R2 for regression.
        name : str, optional
            Label of the estimator. Default: its class.
        ax : matplotlib.axes.Axes, optional
            Default: a new figure. Several displays can share one.

        Raises
        ------
        UnknownNameError
            If the score is unknown or does not apply to the target.
        """
        evaluation = evaluate(estimator, X, y, availability)
        chosen = score or headline(evaluation.target_kind)
        of_pattern = {**evaluation.report.per_pattern, AS_OBSERVED: evaluation.report.as_observed}
        check_known("score", [chosen], evaluation.report.as_observed)
        values = {p: value for p, scores in of_pattern.items() if (value := scores.get(chosen)) is not None}
        samples = evaluation.predictions
        widths = {p: half_width(influence(chosen, samples[p]) if p in samples else None) for p in values}
        n_samples = {pattern: int(of_pattern[pattern]["n_samples"] or 0) for pattern in values}
        label = type(estimator).__name__ if name is None else name
        return cls(chosen, values, widths, n_samples, label).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw one row per pattern, those with the fewest modalities at the top and "as observed" at the bottom."""
        axes = self._axes(ax, 6.0, 1.2 + 0.28 * len(self.values))
        patterns = sorted(self.values, key=lambda one: (one == AS_OBSERVED, len(pattern_modalities(one)), one))
        index = len(axes.containers)  # displays that share the axes have different colours and offsets
        rows = np.arange(len(patterns)) + 0.16 * index
        values = [self.values[pattern] for pattern in patterns]
        widths = np.nan_to_num([self.half_widths[pattern] for pattern in patterns])
        colour = COLOURS[index % len(COLOURS)]
        axes.errorbar(values, rows, xerr=widths, fmt="o", color=colour, label=self.name, markersize=5, capsize=2)
        axes.set_yticks(range(len(patterns)), [pattern or "as observed" for pattern in patterns])
        axes.set_ylim(len(patterns) - 0.3, -0.7)
        better = "lower" if is_lower_better(self.score) else "higher"
        axes.set_xlabel(f"{score_label(self.score)} ({better} is better)\n95% interval over test samples")
        axes.grid(axis="x", alpha=0.3)
        if self.name:
            axes.legend(frameon=False, fontsize=8)
        self._finish()
        return self
