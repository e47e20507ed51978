"""Rare class of a binary target, and its decision threshold."""

import numpy as np

from redcore._types import AnyArray, BoolArray

__all__ = ["choose_threshold", "rare_class"]


def rare_class(frequencies: AnyArray) -> int:
    """Return the code of the rarer of two classes; the second one if both are equally frequent.

    Examples
    --------
    >>> rare_class(np.array([0.98, 0.02])), rare_class(np.array([5, 5]))
    (1, 1)
    """
    return int(frequencies[1] <= frequencies[0])


def choose_threshold(positive: BoolArray, probability: AnyArray, cost: float | None = None) -> float:
    """Return the threshold of a probability with the best F1, or with the lowest cost.

    Parameters
    ----------
    positive : bool array (n_samples,)
        True for the samples of the rare class. At least one sample must be positive.
    probability : array (n_samples,)
        Predicted probability of the rare class.
    cost : float, optional
        Cost of a missed positive sample, in false alarms. Default: maximise F1 instead.

    Returns
    -------
    float
        Half-way between two probabilities that occur, or 0 or 1. Samples with at least this probability are predicted
        as positive. Of several best thresholds, the highest one is returned.

    Examples
    --------
    >>> choose_threshold(np.array([False, False, True]), np.array([0.125, 0.25, 0.5]))
    0.375
    """
    values = np.unique(probability)[::-1]
    order = np.argsort(-probability, kind="stable")
    ends = np.searchsorted(-probability[order], -values, side="right")
    hits = np.concatenate([[0], np.cumsum(positive[order])[ends - 1]])
    predicted = np.concatenate([[0], ends])
    if cost is None:
        gain = 2 * hits / (predicted + positive.sum())
    else:
        gain = -(cost * (positive.sum() - hits) + predicted - hits)
    if values[0] >= 1:
        gain[0] = gain[1]  # the threshold 1 includes a probability of 1
    index = int(np.argmax(gain))
    middle = (values[:-1] + values[1:]) / 2
    # between neighbouring floating-point numbers, the middle is rounded to one of them
    middle = np.where(middle > values[1:], middle, values[:-1])
    limits = np.concatenate([[1.0], middle, [0.0]])
    return float(limits[index])
