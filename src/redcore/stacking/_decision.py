"""Rules for the predicted class, given class probabilities."""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from redcore._settings import MethodSettings
from redcore._types import AnyArray, IntArray

__all__ = ["SMALLEST_PROBABILITY", "Decision", "DecisionSettings", "choose_prior_power", "expected_macro_f1"]

POWERS = np.linspace(0, 1, 11)

LEAST_GAIN = 0.01
"""Smallest gain in macro-F1 for which the predicted class may be another than the most probable one."""

FEWEST_SAMPLES = 20
"""Smallest number of samples in a group for which macro-F1 is computed."""

SMALLEST_PROBABILITY = math.exp(-30.0)
"""Lower bound of probabilities before the logarithm is taken."""


class DecisionSettings(MethodSettings):
    """Rule for the predicted class of a stack.

    Attributes
    ----------
    decision : {"argmax", "balanced"}, default "argmax"
        The most probable class ("argmax"), or the class with the largest ``p_k / frequency_k ** a`` ("balanced"). The
        power a in [0, 1] maximises the expected macro-F1 of the held-out predictions; it is 0 if the gain is below one
        point. Probabilities do not change. "balanced" requires stacking.
    """

    decision: Literal["argmax", "balanced"] = "argmax"


class Decision(nn.Module):
    """Predict the class ``argmax_k log p_k - power * log prior_k``.

    A power of 0 predicts the most probable class, which maximises accuracy. A power of 1 divides the frequencies of the
    classes out, which maximises the average recall over classes.

    Parameters
    ----------
    log_prior : array (n_classes,)
    power : float
        In [0, 1].
    """

    penalty: Tensor

    def __init__(self, log_prior: AnyArray, power: float) -> None:
        super().__init__()
        self.register_buffer("penalty", power * torch.tensor(log_prior))

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return class codes, int64 (n_samples,), of probabilities (n_samples, n_classes)."""
        return (probabilities.clamp(min=SMALLEST_PROBABILITY).log() - self.penalty).argmax(dim=1)


def expected_macro_f1(probabilities: AnyArray, predicted: IntArray) -> float:
    """Return the expected macro-F1 of predicted classes, assuming that the probabilities are correct.

    Expected counts replace counts of labels: if class k is predicted for ``N_k`` samples, its F1 is
    ``2 sum_(predicted k) p_k / (N_k + sum p_k)``.

    Parameters
    ----------
    probabilities : array (n_samples, n_classes)
    predicted : int array (n_samples,)
        Class codes.
    """
    n_classes = probabilities.shape[1]
    hits = np.bincount(predicted, probabilities[np.arange(len(predicted)), predicted], minlength=n_classes)
    total = np.bincount(predicted, minlength=n_classes) + probabilities.sum(axis=0)
    return float((2 * hits / total.clip(min=np.finfo(np.float64).tiny)).mean())


def choose_prior_power(probabilities: AnyArray, log_prior: AnyArray, sizes: IntArray) -> float:
    """Return the power of `Decision` with the largest expected macro-F1 on held-out predictions.

    The expectation is over the predicted probabilities, because counts of the labels of a rare class are too noisy.
    The probabilities must therefore be calibrated, as those of the stack are.

    Parameters
    ----------
    probabilities : array (n_samples, n_classes)
    log_prior : array (n_classes,)
    sizes : int array (n_samples,)
        Number of observed modalities of each sample. Macro-F1 is averaged over the groups of equal size, like scores
        over missing patterns.

    Returns
    -------
    float
        0 if the gain over the most probable class is below one point, or if no group has at least 20 samples.
    """
    groups = [rows for size in np.unique(sizes) if len(rows := np.flatnonzero(sizes == size)) >= FEWEST_SAMPLES]
    if not groups:
        return 0.0

    def score(power: float) -> float:
        predicted = Decision(log_prior, power)(torch.from_numpy(probabilities)).numpy()
        return float(np.mean([expected_macro_f1(probabilities[group], predicted[group]) for group in groups]))

    scores = [score(power) for power in POWERS]
    best = int(np.argmax(scores))
    return float(POWERS[best]) if scores[best] >= scores[0] + LEAST_GAIN else 0.0
