"""Survival curves by predicted risk."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from sklearn.utils.validation import check_is_fitted

from redcore.estimators import MultimodalEstimator
from redcore.exceptions import SettingsError, TargetError
from redcore.metrics import RiskGroup, risk_groups
from redcore.plot._display import Display
from redcore.report import COLOURS, group_names

__all__ = ["RiskGroupsDisplay"]


@dataclass
class RiskGroupsDisplay(Display):
    """Observed survival of groups of samples by predicted risk, with 95% bands and numbers at risk.

    Attributes
    ----------
    groups : list of RiskGroup
        From low to high risk.
    """

    groups: list[RiskGroup]

    @classmethod
    def from_estimator(
        cls,
        estimator: MultimodalEstimator,
        X: Any,
        y: Any = None,
        *,
        availability: Any = None,
        n_groups: int = 3,
        ax: Axes | None = None,
    ) -> Self:
        """Divide samples into groups by the risk that a fitted survival estimator predicts, and draw their curves.

        Parameters
        ----------
        estimator : RedCoreSurvival or MethodSurvival
        X, y, availability
            Test samples, as in the `fit` of the estimator.
        n_groups : int, default 3
            Number of groups of equal size; fewer if a group would have fewer than 5 samples.
        ax : matplotlib.axes.Axes, optional
            Default: a new figure.

        Raises
        ------
        TargetError
            If the target is not a survival target.
        SettingsError
            If `n_groups` is less than 1.
        """
        check_is_fitted(estimator)
        if n_groups < 1:
            raise SettingsError(f"n_groups is {n_groups}, expected at least 1")
        method = estimator.method_
        if not method.schema.target_kind.is_survival:
            raise TargetError(f"the target is {method.schema.target_kind.value}, expected survival for risk groups")
        data = method.schema.align(estimator._labelled(X, y, availability))
        assert data.target is not None
        return cls(risk_groups(data.target, method.predict(data), n_groups)).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw Kaplan-Meier curves with bands, the means of the predicted curves (dashed), and numbers at risk."""
        axes = self._axes(ax, 6.0, 4.5)
        ticks = self.groups[0].ticks
        for index, (group, name) in enumerate(zip(self.groups, group_names(len(self.groups)), strict=True)):
            colour = COLOURS[index % len(COLOURS)]
            times = np.concatenate([[0.0], group.times, ticks[-1:]])
            survival, low, high = (
                np.concatenate([[1.0], values, values[-1:] if len(values) else [1.0]])
                for values in (group.survival, group.low, group.high)
            )
            label = f"{name} risk ({group.n_events} events in {group.n_samples})"
            axes.step(times, survival, where="post", color=colour, label=label)
            axes.fill_between(times, low, high, step="post", color=colour, alpha=0.16, linewidth=0)
            predicted = np.append(1.0, group.predicted)
            axes.plot(np.append(0.0, group.borders), predicted, color=colour, linestyle="--", linewidth=1)
            for tick, count in zip(ticks, group.at_risk, strict=True):
                axes.annotate(
                    str(count), (tick, 0), (0, -34 - 11 * index), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="center", va="top", fontsize=7, color=colour, annotation_clip=False,
                )  # fmt: skip
        axes.set_xticks(ticks)
        axes.set_xlim(0, ticks[-1])
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("time; below: samples at risk", labelpad=6 + 11 * len(self.groups) + 10)
        axes.set_ylabel("probability of survival")
        axes.legend(frameon=False, fontsize=8)
        self._finish()
        return self
