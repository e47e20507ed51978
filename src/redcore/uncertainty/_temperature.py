"""Temperature scaling of predicted probabilities."""

import math

import numpy as np
import torch

from redcore._types import AnyArray
from redcore.data import Target, require_single_target
from redcore.methods import Temperature

__all__ = ["fit_temperature"]

LARGEST = 20.0
"""Largest temperature; the smallest one is its inverse."""


def fit_temperature(probabilities: AnyArray, target: Target) -> float:
    """Return the temperature in [1/20, 20] that minimises the log loss of a calibration set (Guo et al., 2017).

    Parameters
    ----------
    probabilities : array (n_samples, n_outputs)
        Predictions that were not used in training, at temperature 1.
    target : Target
        Classes or labels.

    Examples
    --------
    >>> probabilities = np.array([[0.99, 0.01]] * 10)  # the first class is predicted with 99%, but occurs in 70%
    >>> round(fit_temperature(probabilities, Target.from_labels([0] * 7 + [1] * 3)), 2)
    5.42
    """
    from scipy.optimize import minimize_scalar

    require_single_target(target.kind, "a temperature")
    outputs = torch.tensor(probabilities, dtype=torch.float64)
    truth = np.asarray(target.values, dtype=bool) if target.kind.is_multilabel else None

    def loss(log_temperature: float) -> float:
        scaled = Temperature(math.exp(log_temperature), target.kind)(outputs).numpy()
        if truth is not None:
            likelihood = np.where(truth, scaled, 1 - scaled)
        else:
            likelihood = scaled[np.arange(len(scaled)), target.values]
        return float(-np.log(likelihood.clip(min=np.finfo(np.float64).tiny)).mean())

    bound = math.log(LARGEST)
    return math.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-4}).x)
