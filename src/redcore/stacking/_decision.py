"""Which class to name, given probabilities: as plain argmax does, or so that rare classes are named as well."""

import numpy as np

from redcore._types import AnyArray, IntArray

__all__ = ["choose_prior_power", "decide", "expected_macro_f1"]

POWERS = np.linspace(0, 1, 11)

LEAST_GAIN = 0.01
"""A smaller gain of macro-F1 is not worth a name that is less probable: argmax stays."""

FEWEST_SAMPLES = 20
"""Fewest samples of a group whose macro-F1 means something."""


def decide(log_probabilities: AnyArray, log_prior: AnyArray, power: float) -> IntArray:
    """Return ``argmax_k log p_k - power * log prior_k``, (n_samples,).

    A power of 0 names the most probable class: best for accuracy. A power of 1 names the class that the sample speaks
    for most, whatever its frequency: best for the average recall over classes.
    """
    return np.asarray((log_probabilities - power * log_prior).argmax(axis=1))


def expected_macro_f1(probabilities: AnyArray, named: IntArray) -> float:
    """Return the macro-F1 of these names if the probabilities (n_samples, n_classes) are right.

    Of expected counts: with ``N_k`` samples named k, F1 of class k is ``2 sum_(named k) p_k / (N_k + sum p_k)``.
    """
    n_classes = probabilities.shape[1]
    hits = np.bincount(named, probabilities[np.arange(len(named)), named], minlength=n_classes)
    total = np.bincount(named, minlength=n_classes) + probabilities.sum(axis=0)
    return float((2 * hits / total.clip(min=np.finfo(np.float64).tiny)).mean())


def choose_prior_power(log_probabilities: AnyArray, log_prior: AnyArray, sizes: IntArray) -> float:
    """Return the power with the best macro-F1 to be expected of held-out predictions.

    Expected by these predictions' own probabilities, not counted by labels: of few samples of a rare class, counts say
    next to nothing. The probabilities must be calibrated, as stacked ones are.

    Parameters
    ----------
    log_probabilities : array (n_samples, n_classes)
    log_prior : array (n_classes,)
    sizes : int array (n_samples,)
        Number of modalities that each prediction is made from: macro-F1 is averaged over the groups of equal size, as
        scores are over missing patterns.
    """
    probabilities = np.exp(log_probabilities)
    groups = [found for size in np.unique(sizes) if len(found := np.flatnonzero(sizes == size)) >= FEWEST_SAMPLES]
    if not groups:
        return 0.0

    def score(power: float) -> float:
        named = decide(log_probabilities, log_prior, power)
        return float(np.mean([expected_macro_f1(probabilities[group], named[group]) for group in groups]))

    scores = [score(power) for power in POWERS]
    best = int(np.argmax(scores))
    return float(POWERS[best]) if scores[best] >= scores[0] + LEAST_GAIN else 0.0
