"""Supervision weights of the modalities over training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from matplotlib.axes import Axes
from sklearn.utils.validation import check_is_fitted

from redcore._types import AnyArray
from redcore.estimators import MultimodalEstimator
from redcore.exceptions import RunError
from redcore.plot._display import Display
from redcore.report import COLOURS

__all__ = ["SupervisionDisplay"]

WEIGHT = "supervision_weight/"


@dataclass
class SupervisionDisplay(Display):
    r"""Supervision weights over the optimiser steps.

    Attributes
    ----------
    weights : dict of str to array (n_steps,)
        Supervision weight :math:`\beta_m` of each modality.
    """

    weights: Mapping[str, Sequence[float] | AnyArray]

    @classmethod
    def from_estimator(cls, estimator: MultimodalEstimator, *, ax: Axes | None = None) -> Self:
        """Draw the weights of the last fit of an estimator.

        Raises
        ------
        RunError
            If its method has no supervision weights.
        """
        check_is_fitted(estimator)
        steps = estimator.history_.steps
        weights = {name.removeprefix(WEIGHT): steps[name] for name in steps if name.startswith(WEIGHT)}
        if not weights:
            raise RunError(f"the history of {type(estimator).__name__} has no supervision weights, expected RedCore")
        return cls(weights).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw one line per modality."""
        axes = self._axes(ax, 6.0, 3.5)
        for index, (name, weights) in enumerate(self.weights.items()):
            axes.plot(weights, color=COLOURS[index % len(COLOURS)], label=name, linewidth=1.4)
        axes.set_xlabel("optimiser step")
        axes.set_ylabel("supervision weight")
        axes.legend(frameon=False, fontsize=8)
        self._finish()
        return self
