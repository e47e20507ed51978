"""Recall of the class that is recognised worst."""

import numpy as np

from redcore.data import TargetKind
from redcore.metrics import Score

SCORE = Score("worst_recall", "worst recall", kinds=(TargetKind.BINARY, TargetKind.MULTICLASS))


def compute(target, outputs, decided):
    """Return the smallest recall of the classes that occur, in [0, 1]; None if only one class occurs."""
    predicted = outputs.argmax(axis=1) if decided is None else decided
    classes = np.unique(target.values)
    if len(classes) < 2:
        return None
    return float(min(np.mean(predicted[target.values == one] == one) for one in classes))
