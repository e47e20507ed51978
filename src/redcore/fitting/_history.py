"""Training history: values per optimiser step and per epoch."""

from array import array
from collections.abc import Mapping

import numpy as np

from redcore._types import AnyArray

__all__ = ["History"]


class History:
    """Values recorded during training, per optimiser step and per epoch.

    Attributes
    ----------
    steps : dict of str to array of float
        One entry per optimiser step: ``"loss"``, ``"supervision_weight/audio"``, ``"relative_advantage/audio"``, ...
    epochs : dict of str to array of float
        One entry per epoch: ``"validation_loss"``, ...
    best_epoch : int
        Selected epoch, counted from 0; -1 if the last epoch was kept because there was no validation set.

    Examples
    --------
    >>> history = History()
    >>> history.record_step({"loss": 0.5})
    >>> history.steps["loss"].tolist()
    [0.5]
    """

    def __init__(self) -> None:
        self.steps: dict[str, array[float]] = {}
        self.epochs: dict[str, array[float]] = {}
        self.best_epoch = -1

    @property
    def n_steps(self) -> int:
        """Number of optimiser steps recorded."""
        return len(next(iter(self.steps.values()), ()))

    def record_step(self, values: Mapping[str, float]) -> None:
        """Append the values of one optimiser step. All steps must have the same names."""
        _append(self.steps, values)

    def record_epoch(self, values: Mapping[str, float]) -> None:
        """Append the values of one epoch. All epochs must have the same names."""
        _append(self.epochs, values)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return all columns as float64 arrays, named ``steps/...`` and ``epochs/...``."""
        return {
            f"{table}/{name}": np.array(column)
            for table, columns in (("steps", self.steps), ("epochs", self.epochs))
            for name, column in columns.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray], best_epoch: int) -> "History":
        """Create a history from the arrays that `to_arrays` returned."""
        history = cls()
        history.best_epoch = best_epoch
        for key, column in arrays.items():
            table, _, name = key.partition("/")
            getattr(history, table)[name] = array("d", column.tolist())
        return history


def _append(table: dict[str, "array[float]"], values: Mapping[str, float]) -> None:
    for name, value in values.items():
        table.setdefault(name, array("d")).append(value)
