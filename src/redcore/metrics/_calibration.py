"""Calibration error of class probabilities."""

import numpy as np

from redcore._types import AnyArray

__all__ = ["N_BINS", "calibration_error"]

N_BINS = 15


def calibration_error(codes: AnyArray, probabilities: AnyArray, n_bins: int = N_BINS) -> float:
    """Return the expected calibration error (ECE), in [0, 1].

    Samples are grouped into bins of equal width by the probability of the predicted class. The ECE is the mean absolute
    difference between the mean probability and the accuracy of each bin, weighted by the number of samples in the bin
    (Guo et al. 2017, On calibration of modern neural networks, arXiv 1706.04599). The estimate is biased upwards: a
    perfectly calibrated model on n samples has an ECE of about ``sqrt(n_bins / n) / 3``, not 0.

    Parameters
    ----------
    codes : int array (n_samples,)
        True classes.
    probabilities : array (n_samples, n_classes)
        Predicted class probabilities.
    n_bins : int, default 15

    Examples
    --------
    >>> round(calibration_error(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1]] * 4)), 3)
    0.4
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_correct = probabilities.argmax(axis=1) == codes
    # bins include their upper border, so that a probability of 1 falls into the last bin
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=is_correct - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(codes))
