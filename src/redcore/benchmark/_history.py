"""Training history of a benchmark record: supervision weights, advantages, losses and gradient norms, thinned."""

import time
from collections.abc import Mapping

from redcore._histories import thinned
from redcore.fitting import Callback, History

__all__ = ["Watch", "thinned_history"]

MAX_POINTS = 100
GROUPS = ("supervision_weight/", "relative_advantage/", "imputation_loss/", "gradient_norm/")
"""Prefixes of the columns that a record keeps in addition to ``"loss"``."""


class Watch(Callback):
    """Timer for the epochs of the first network.

    Parameters
    ----------
    gradients : bool
        If True, the history contains gradient norms.

    Attributes
    ----------
    epoch_seconds : list of float
        Seconds from the start of training to the end of each epoch, including its validation. If an ensemble is
        trained in lockstep, these are the seconds of all networks.
    """

    def __init__(self, gradients: bool) -> None:
        self.watches_gradients = gradients
        self.epoch_seconds: list[float] = []
        self._n_fits = 0
        self._start = 0.0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Start the timer."""
        self._n_fits += 1
        self._start = time.perf_counter()

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Append the elapsed time."""
        if self._n_fits == 1:
            self.epoch_seconds.append(round(time.perf_counter() - self._start, 3))


def thinned_history(history: History) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the steps and the epochs of a history, at most `MAX_POINTS` evenly spaced rows of each.

    Values have four significant digits. The columns ``"step"`` and ``"epoch"`` hold the row numbers.
    """
    steps = {name: column for name, column in history.steps.items() if name == "loss" or name.startswith(GROUPS)}
    return _rounded(thinned(steps, "step", MAX_POINTS)), _rounded(thinned(history.epochs, "epoch", MAX_POINTS))


def _rounded(columns: Mapping[str, list[float]]) -> dict[str, list[float]]:
    return {
        name: values if name in ("step", "epoch") else [float(f"{value:.4g}") for value in values]
        for name, values in columns.items()
    }
