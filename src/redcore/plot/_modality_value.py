"""Shapley values of the modalities of a fitted estimator."""

from dataclasses import dataclass
from typing import Any, Self

from matplotlib.axes import Axes
from sklearn.utils.validation import check_is_fitted

from redcore.estimators import MultimodalEstimator
from redcore.explain import ModalityValue, modality_value
from redcore.plot._display import Display
from redcore.report import COLOURS

__all__ = ["ModalityValueDisplay"]


@dataclass
class ModalityValueDisplay(Display):
    """Contribution of each modality to a score.

    Attributes
    ----------
    value : ModalityValue
    """

    value: ModalityValue

    @classmethod
    def from_estimator(
        cls,
        estimator: MultimodalEstimator,
        X: Any,
        y: Any = None,
        *,
        availability: Any = None,
        score: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Compute the Shapley values of the modalities with `redcore.modality_value`, and draw them.

        Parameters
        ----------
        estimator : MultimodalEstimator
        X, y, availability
            Test samples, as in the `fit` of the estimator.
        score : str, optional
            Score of `redcore.metrics`. Default: macro-F1, or R2 for regression.
        ax : matplotlib.axes.Axes, optional
            Default: a new figure.
        """
        check_is_fitted(estimator)
        return cls(modality_value(estimator.method_, estimator._labelled(X, y, availability), score)).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw one bar per modality, the largest value at the top; twice the standard errors, if values are sampled."""
        shapley = self.value.shapley
        names = sorted(shapley.values, key=lambda name: shapley.values[name])
        axes = self._axes(ax, 6.0, 1.4 + 0.32 * len(names))
        errors = None if shapley.errors is None else [2 * shapley.errors[name] for name in names]
        axes.barh(range(len(names)), [shapley.values[name] for name in names], xerr=errors, color=COLOURS[0])
        axes.set_yticks(range(len(names)), names)
        axes.axvline(0, color="grey", linewidth=0.8)
        axes.set_xlabel(f"Shapley value ({self.value.metric})")
        axes.set_title(f"{self.value.without:.3f} without, {self.value.with_all:.3f} with all modalities", fontsize=10)
        self._finish()
        return self
