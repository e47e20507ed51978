"""Base class of displays, and the evaluation of estimators that several displays share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from sklearn.utils.validation import check_is_fitted

from redcore.data import TargetKind
from redcore.estimators import MultimodalEstimator
from redcore.metrics import PatternReport, SamplePredictions, evaluate_patterns

__all__ = ["Display", "Evaluation", "evaluate", "half_width"]


@dataclass
class Display:
    """Numbers of a figure, and the figure after `plot`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the last plot.
    figure_ : matplotlib.figure.Figure
    """

    ax_: Axes = field(init=False, repr=False)
    figure_: Figure = field(init=False, repr=False)

    def _axes(self, ax: Axes | None, width: float = 6.0, height: float = 4.0) -> Axes:
        """Return `ax`, or the axes of a new figure of pyplot, so that notebooks show it."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        figure = ax.get_figure(root=True)
        assert figure is not None
        self.ax_, self.figure_ = ax, figure
        return ax

    def _finish(self) -> None:
        """Remove the upper and right borders, and write names with ``$`` or ``_`` as they are."""
        self.ax_.spines[["top", "right"]].set_visible(False)
        for text in self.ax_.findobj(Text):
            assert isinstance(text, Text)
            text.set_parse_math(False)


@dataclass(frozen=True)
class Evaluation:
    """Scores of a fitted estimator under every missing pattern.

    Attributes
    ----------
    report : PatternReport
    predictions : dict of str to SamplePredictions
        Predictions by pattern; without patterns of targets with several labels or values per sample.
    target_kind : TargetKind
    """

    report: PatternReport
    predictions: dict[str, SamplePredictions]
    target_kind: TargetKind


def evaluate(estimator: MultimodalEstimator, X: Any, y: Any, availability: Any) -> Evaluation:
    """Evaluate a fitted estimator under every missing pattern; X, y and availability are as in its `fit`."""
    check_is_fitted(estimator)
    method, predictions = estimator.method_, dict[str, SamplePredictions]()

    def collect(pattern: str, _: Any, of_pattern: SamplePredictions | None) -> None:
        if of_pattern is not None:
            predictions[pattern] = of_pattern

    data = method.schema.align(estimator._labelled(X, y, availability))
    report = evaluate_patterns(method.predict, data, decide=method.decide, collect=collect)
    return Evaluation(report, predictions, method.schema.target_kind)


def half_width(influence: Any) -> float:
    """Return half the width of the 95% interval of a score over test samples, from the influence of each sample."""
    return float("nan") if influence is None else 1.96 * float(np.sqrt(np.square(influence).sum()))
