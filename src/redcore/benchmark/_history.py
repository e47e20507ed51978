"""What a record keeps of the history of a fit: weights, advantages, losses and gradients, thinned out."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from redcore.fitting import Callback, History

__all__ = ["Watch", "thinned"]

MOST_POINTS = 100
KEPT = ("loss", "supervision_weight/", "relative_advantage/", "imputation_loss/", "gradient_norm/")


class Watch(Callback):
    """Takes the time of the first network's epochs.

    Parameters
    ----------
    gradients : bool
        Whether the history is to have gradient norms.

    Attributes
    ----------
    epoch_seconds : list of float
        From the start of training to the end of each epoch, validated.
    """

    def __init__(self, gradients: bool) -> None:
        self.watches_gradients = gradients
        self.epoch_seconds: list[float] = []
        self._n_fits = 0
        self._start = 0.0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Start the clock."""
        self._n_fits += 1
        self._start = time.perf_counter()

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Take the time."""
        if self._n_fits == 1:
            self.epoch_seconds.append(round(time.perf_counter() - self._start, 3))


def thinned(history: History) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return steps and epochs, at most `MOST_POINTS` of each, evenly spaced with the first and the last.

    Values have four significant digits. ``"step"`` and ``"epoch"`` say which ones were kept.
    """
    steps = {name: column for name, column in history.steps.items() if name == "loss" or name.startswith(KEPT[1:])}
    return _columns("step", steps), _columns("epoch", history.epochs)


def _columns(index: str, columns: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    n_rows = len(next(iter(columns.values()), ()))
    if not n_rows:
        return {}
    rows = np.unique(np.linspace(0, n_rows - 1, min(n_rows, MOST_POINTS)).round().astype(int)).tolist()
    kept = {name: [_rounded(column[row]) for row in rows] for name, column in columns.items()}
    return {index: rows, **kept}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
