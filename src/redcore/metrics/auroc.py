"""Area under the ROC curve, one class against all others, averaged over the classes that occur."""

from redcore._types import AnyArray, IntArray
from redcore.data import Target, TargetKind
from redcore.metrics._description import Score
from redcore.metrics._ranking import Ranking, mean_over_classes

SCORE = Score("auroc", "AUROC", kinds=(TargetKind.BINARY, TargetKind.MULTICLASS), needs_probabilities=True)


def compute(target: Target, outputs: AnyArray, decided: IntArray | None) -> float | None:
    """Return the mean AUROC, in [0, 1]; None if fewer than two classes occur."""
    codes = range(1, 2) if outputs.shape[1] == 2 else range(outputs.shape[1])
    return mean_over_classes([Ranking.of_class(target.values, outputs, code).auroc() for code in codes])
