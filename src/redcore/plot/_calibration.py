"""Reliability diagram by missing pattern."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes

from redcore._pattern_names import pattern_modalities
from redcore.estimators import MultimodalEstimator
from redcore.exceptions import TargetError
from redcore.metrics import SamplePredictions
from redcore.plot._display import Display, evaluate
from redcore.report import COLOURS

__all__ = ["CalibrationDisplay", "Reliability"]

MIN_SAMPLES = 10
"""Smallest number of predictions in a bin that is drawn."""


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy of predictions in bins of equal width of the confidence.

    Attributes
    ----------
    confidence, accuracy : array (n_bins,)
        Mean probability of the most probable class, and fraction of correct predictions. Bins with fewer than
        `MIN_SAMPLES` predictions are left out.
    n_samples : int array (n_bins,)
    """

    confidence: Any
    accuracy: Any
    n_samples: Any

    @classmethod
    def of(cls, predictions: SamplePredictions, n_bins: int) -> Self:
        """Return the reliability of class predictions."""
        assert predictions.confidence is not None
        assert predictions.argmax is not None
        bins = np.clip(np.ceil(predictions.confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
        counts = np.bincount(bins, minlength=n_bins)
        filled = counts >= MIN_SAMPLES
        confidence = np.bincount(bins, predictions.confidence, n_bins)[filled] / counts[filled]
        accuracy = np.bincount(bins, predictions.argmax == predictions.target, n_bins)[filled] / counts[filled]
        return cls(confidence, accuracy, counts[filled])


@dataclass
class CalibrationDisplay(Display):
    """Accuracy against confidence, by number of observed modalities.

    Attributes
    ----------
    reliability : dict of int to Reliability
        Predictions of all patterns with this number of modalities.
    """

    reliability: dict[int, Reliability]

    @classmethod
    def from_estimator(
        cls,
        estimator: MultimodalEstimator,
        X: Any,
        y: Any = None,
        *,
        availability: Any = None,
        n_bins: int = 10,
        ax: Axes | None = None,
    ) -> Self:
        """Evaluate a fitted classifier under every missing pattern, and draw the reliability diagram.

        Parameters
        ----------
        estimator : MultimodalEstimator
        X, y, availability
            Test samples, as in the `fit` of the estimator.
        n_bins : int, default 10
            Number of bins of equal width between 0 and 1.
        ax : matplotlib.axes.Axes, optional
            Default: a new figure.

        Raises
        ------
        TargetError
            If the target has no classes.
        """
        evaluation = evaluate(estimator, X, y, availability)
        if not evaluation.target_kind.is_classification:
            raise TargetError(f"the target is {evaluation.target_kind.value}, expected classes for reliability")
        by_count: dict[int, list[SamplePredictions]] = {}
        for pattern, predictions in evaluation.predictions.items():
            if pattern:
                by_count.setdefault(len(pattern_modalities(pattern)), []).append(predictions)
        pooled = {count: _pooled(of_count) for count, of_count in sorted(by_count.items())}
        return cls({count: Reliability.of(one, n_bins) for count, one in pooled.items()}).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw one line per number of modalities. The area of a marker is proportional to the number of samples."""
        axes = self._axes(ax, 5.0, 4.5)
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":", label="calibrated")
        for index, (count, one) in enumerate(self.reliability.items()):
            colour = COLOURS[index % len(COLOURS)]
            label = f"{count} modalit{'y' if count == 1 else 'ies'}"
            axes.plot(one.confidence, one.accuracy, color=colour, label=label, linewidth=1.2)
            axes.scatter(
                one.confidence, one.accuracy, 120 * one.n_samples / max(one.n_samples, default=1) + 4, color=colour
            )
        axes.set_xlabel("confidence (probability of the predicted class)")
        axes.set_ylabel("accuracy")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, fontsize=8)
        self._finish()
        return self


def _pooled(several: list[SamplePredictions]) -> SamplePredictions:
    """Return the predictions of several patterns as one."""
    return SamplePredictions(
        np.concatenate([one.target for one in several]),
        argmax=np.concatenate([np.asarray(one.argmax) for one in several]),
        confidence=np.concatenate([np.asarray(one.confidence) for one in several]),
    )
