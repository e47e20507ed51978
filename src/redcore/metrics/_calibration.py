"""How far stated probabilities are from what happens."""

import numpy as np

from redcore._types import AnyArray

__all__ = ["N_BINS", "calibration_error"]

N_BINS = 15


def calibration_error(codes: AnyArray, probabilities: AnyArray, n_bins: int = N_BINS) -> float:
    """Return the expected calibration error (ECE), in [0, 1].

    The probability of the predicted class is put into bins of equal width; per bin, the mean probability is compared
    with the share of right predictions, and the absolute differences are averaged with the number of samples as weight
    (Guo et al. 2017, On calibration of modern neural networks, arXiv 1706.04599). It is biased upwards: a perfectly
    calibrated model on n samples has about ``sqrt(n_bins / n) / 3``, not 0.

    Parameters
    ----------
    codes : int array (n_samples,)
        True classes.
    probabilities : array (n_samples, n_classes)
    n_bins : int, default 15

    Examples
    --------
    >>> round(calibration_error(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1]] * 4)), 3)
    0.4
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == codes
    # upper borders belong to the bin below, so that a probability of 1 has a bin
    places = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(places, weights=right - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(codes))
