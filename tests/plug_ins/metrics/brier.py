"""Brier score: mean squared distance between the probabilities and the true class."""

import numpy as np

from redcore.data import TargetKind
from redcore.metrics import Score

SCORE = Score(
    "brier", "Brier score", lower_is_better=True, high=2.0, kinds=(TargetKind.BINARY, TargetKind.MULTICLASS),
    needs_probabilities=True,
)  # fmt: skip


def compute(target, outputs, decided):
    """Return the score of the probabilities (n_samples, n_classes)."""
    truth = np.eye(target.n_outputs)[target.values]
    return float(((outputs - truth) ** 2).sum(axis=1).mean())
