"""Which class to name, given probabilities: as plain argmax does, or so that rare classes are named as well."""

import numpy as np
from sklearn.metrics import f1_score

from redcore._types import AnyArray, IntArray

__all__ = ["choose_prior_power", "decide"]

POWERS = np.linspace(0, 1, 11)

LEAST_GAIN = 0.01
"""A smaller gain of macro-F1 is not told from chance: argmax stays."""

FEWEST_SAMPLES = 20
"""Fewest samples of a group whose macro-F1 means something."""


def decide(log_probabilities: AnyArray, log_prior: AnyArray, power: float) -> IntArray:
    """Return ``argmax_k log p_k - power * log prior_k``, (n_samples,).

    A power of 0 names the most probable class: best for accuracy. A power of 1 names the class that the sample speaks
    for most, whatever its frequency: best for the average recall over classes.
    """
    return np.asarray((log_probabilities - power * log_prior).argmax(axis=1))


def choose_prior_power(log_probabilities: AnyArray, codes: IntArray, log_prior: AnyArray, sizes: IntArray) -> float:
    """Return the power with the best macro-F1 of held-out predictions.

    Parameters
    ----------
    log_probabilities : array (n_samples, n_classes)
    codes : int array (n_samples,)
    log_prior : array (n_classes,)
    sizes : int array (n_samples,)
        Number of modalities that each prediction is made from: macro-F1 is averaged over the groups of equal size, as
        scores are over missing patterns.
    """
    groups = [found for size in np.unique(sizes) if len(found := np.flatnonzero(sizes == size)) >= FEWEST_SAMPLES]
    if not groups:
        return 0.0

    def score(power: float) -> float:
        named = decide(log_probabilities, log_prior, power)
        return float(np.mean([f1_score(codes[g], named[g], average="macro", zero_division=0) for g in groups]))

    scores = [score(power) for power in POWERS]
    best = int(np.argmax(scores))
    return float(POWERS[best]) if scores[best] >= scores[0] + LEAST_GAIN else 0.0
