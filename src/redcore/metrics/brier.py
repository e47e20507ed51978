"""Brier score: mean squared distance between the class probabilities and the true class."""

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import Target, TargetKind
from redcore.metrics._description import Score

SCORE = Score(
    "brier",
    "Brier score",
    lower_is_better=True,
    high=2.0,
    kinds=(TargetKind.BINARY, TargetKind.MULTICLASS),
    needs_probabilities=True,
)


def compute(target: Target, outputs: AnyArray, decided: IntArray | None) -> float:
    """Return the sum over classes of the squared error of the probability, averaged over samples; in [0, 2]."""
    truth = np.eye(outputs.shape[1])[target.values]
    return float(((outputs - truth) ** 2).sum(axis=1).mean())
