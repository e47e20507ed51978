"""Mean distance of the largest probability to 1."""

from redcore.data import TargetKind
from redcore.metrics import Score

SCORE = Score(
    "top_error", "top error", lower_is_better=True, kinds=(TargetKind.BINARY, TargetKind.MULTICLASS),
    needs_probabilities=True,
)  # fmt: skip


def compute(target, outputs, decided):
    """Return the score of the probabilities (n_samples, n_classes)."""
    return float((1 - outputs.max(axis=1)).mean())
