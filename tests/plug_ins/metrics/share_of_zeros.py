"""Share of the predicted values that are exactly zero."""

import numpy as np

from redcore.data import TargetKind
from redcore.metrics import Score

SCORE = Score("share_of_zeros", "share of zeros", kinds=(TargetKind.REGRESSION,))


def compute(target, outputs, decided):
    """Return the share, in [0, 1]."""
    return float(np.mean(outputs == 0))
