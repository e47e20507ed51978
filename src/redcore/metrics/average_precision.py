"""Average precision: of the rarer class of two, or averaged over the classes that occur."""

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import Target, TargetKind
from redcore.metrics._classes import rare_class
from redcore.metrics._description import Score
from redcore.metrics._ranking import Ranking, mean_over_classes

SCORE = Score(
    "average_precision",
    "average precision",
    kinds=(TargetKind.BINARY, TargetKind.MULTICLASS),
    needs_probabilities=True,
)


def compute(target: Target, outputs: AnyArray, decided: IntArray | None) -> float | None:
    """Return the average precision, in [0, 1]; None if fewer than two classes occur.

    Of two classes, the one with fewer scored samples is the positive class, and the second one if both are equally
    frequent.
    """
    counts = np.bincount(target.values, minlength=outputs.shape[1])
    codes = [rare_class(counts)] if outputs.shape[1] == 2 else range(outputs.shape[1])
    return mean_over_classes([Ranking.of_class(target.values, outputs, code).average_precision() for code in codes])
