"""Predictions per test sample, and the influence of each sample on a score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import Target
from redcore.metrics._scores import N_BINS, Decide

__all__ = ["SamplePredictions", "influence"]


@dataclass(frozen=True)
class SamplePredictions:
    """Targets and predictions of some samples, as far as scores need them.

    Attributes
    ----------
    target : array (n_samples,)
        True classes (int), or values of a regression target (float).
    decided, argmax : int array (n_samples,), optional
        Predicted classes by the decision rule of the method, and the most probable classes. Classification only.
    log_loss : array (n_samples,), optional
        Negative log-likelihood of the true class in nats. Classification only.
    confidence : array (n_samples,), optional
        Probability of the most probable class. Classification only.
    predicted : array (n_samples,), optional
        Predicted values. Regression only.
    """

    target: AnyArray
    decided: IntArray | None = None
    argmax: IntArray | None = None
    log_loss: AnyArray | None = None
    confidence: AnyArray | None = None
    predicted: AnyArray | None = None

    @classmethod
    def from_outputs(cls, target: Target, outputs: AnyArray, decide: Decide | None = None) -> Self | None:
        """Return the predictions of a method, or None for a target with several labels or values per sample.

        Parameters
        ----------
        target : Target
        outputs : array (n_samples, n_outputs)
            Predictions, as returned by `Method.predict`.
        decide : callable, optional
            Function that maps probabilities to predicted classes. Default: the most probable class.
        """
        if target.is_classification:
            argmax = outputs.argmax(axis=1)
            likelihood = outputs[np.arange(len(outputs)), target.values].astype(np.float64)
            return cls(
                target.values,
                decided=argmax if decide is None else decide(outputs),
                argmax=argmax,
                log_loss=-np.log(likelihood.clip(min=np.finfo(np.float64).eps)),
                confidence=outputs.max(axis=1).astype(np.float64),
            )
        values = np.asarray(target.values, dtype=np.float64)
        if not target.kind.is_regression or values.size != len(outputs):
            return None
        return cls(values.ravel(), predicted=np.asarray(outputs, dtype=np.float64).ravel())


def influence(score: str, samples: SamplePredictions) -> AnyArray | None:
    r"""Return the influence of each sample on a score: the derivative of the score with respect to its weight.

    If sample i has the weight :math:`w_i` in the score :math:`S`, its influence is
    :math:`I_i = \partial S / \partial w_i` at equal weights 1. The influences add up to 0, and :math:`\sum_i I_i^2`
    is the infinitesimal-jackknife estimate of the variance of :math:`S` over test samples (Jaeckel 1972; Efron 1982,
    The jackknife, the bootstrap and other resampling plans, section 6). For a mean :math:`\bar{x}`, this is
    :math:`I_i = (x_i - \bar{x}) / n`, and the sum is the usual squared standard error.

    Parameters
    ----------
    score : str
        Name of the score, as in `known_scores`.
    samples : SamplePredictions

    Returns
    -------
    array (n_samples,) or None
        None if the score has no influence function here, is undefined, or does not apply to this kind of target.

    Examples
    --------
    >>> influence("accuracy", SamplePredictions(np.array([0, 1]), decided=np.array([0, 0]))).tolist()
    [0.25, -0.25]
    """
    function = INFLUENCES.get(score)
    if function is None or not len(samples.target):
        return None
    is_regression = samples.predicted is not None
    return function(samples) if is_regression == (score in OF_REGRESSION) else None


def _of_mean(values: AnyArray) -> AnyArray:
    values = np.asarray(values, dtype=np.float64)
    return np.asarray((values - values.mean()) / len(values))


def _accuracy(samples: SamplePredictions) -> AnyArray | None:
    return None if samples.decided is None else _of_mean(np.equal(samples.decided, samples.target))


def _log_loss(samples: SamplePredictions) -> AnyArray | None:
    return None if samples.log_loss is None else _of_mean(samples.log_loss)


def _recall(samples: SamplePredictions) -> AnyArray | None:
    """Return the derivative of the mean of ``hits_k / count_k`` over the classes k that occur."""
    counts = np.bincount(samples.target)
    if np.count_nonzero(counts) < 2:
        return None
    is_hit = samples.decided == samples.target
    recall = np.bincount(samples.target, is_hit) / np.maximum(counts, 1)
    of_sample = (is_hit - recall[samples.target]) / counts[samples.target]
    return np.asarray(of_sample / np.count_nonzero(counts))


def _macro_f1(samples: SamplePredictions) -> AnyArray | None:
    return None if samples.decided is None else _f1(samples.target, samples.decided)


def _argmax_macro_f1(samples: SamplePredictions) -> AnyArray | None:
    return None if samples.argmax is None else _f1(samples.target, samples.argmax)


def _f1(target: IntArray, predicted: IntArray) -> AnyArray | None:
    """Return the derivative of the mean of ``2 hits_k / (count_k + predicted_k)`` over all classes with a sample."""
    if len(np.unique(target)) < 2:
        return None
    n_classes = int(max(target.max(), predicted.max())) + 1
    is_hit = predicted == target
    sizes = np.bincount(target, minlength=n_classes) + np.bincount(predicted, minlength=n_classes)
    f1 = 2 * np.bincount(target, is_hit, n_classes) / np.maximum(sizes, 1)
    per_class = f1 / np.maximum(sizes, 1)
    of_sample = 2 * is_hit / sizes[target] - per_class[target] - per_class[predicted]
    return np.asarray(of_sample / np.count_nonzero(sizes))


def _calibration_error(samples: SamplePredictions) -> AnyArray | None:
    """Return the derivative of the ECE, ``sum_b |gap_b| / n``, with fixed signs of the gaps of the bins b."""
    if samples.confidence is None or samples.argmax is None:
        return None
    bins = np.clip(np.ceil(samples.confidence * N_BINS).astype(int) - 1, 0, N_BINS - 1)
    gaps = (samples.argmax == samples.target) - samples.confidence
    signs = np.sign(np.bincount(bins, gaps, N_BINS))
    return _of_mean(signs[bins] * gaps)


def _errors(samples: SamplePredictions) -> AnyArray:
    assert samples.predicted is not None
    return np.asarray(samples.predicted - samples.target)


def _absolute_error(samples: SamplePredictions) -> AnyArray:
    return _of_mean(np.abs(_errors(samples)))


def _r2(samples: SamplePredictions) -> AnyArray | None:
    """Return the derivative of ``1 - SSE / SST``."""
    deviations = (samples.target - samples.target.mean()) ** 2
    squares = _errors(samples) ** 2
    total = deviations.sum()
    if np.ptp(samples.target) == 0:
        return None
    return np.asarray((squares.sum() / total * deviations - squares) / total)


def _correlation(samples: SamplePredictions) -> AnyArray | None:
    """Return the derivative ``(u v - r (u^2 + v^2) / 2) / n`` for standardised values u and v with correlation r."""
    predicted = samples.predicted
    if predicted is None or np.ptp(samples.target) == 0 or np.ptp(predicted) == 0:
        return None
    u, v = ((values - values.mean()) / values.std() for values in (samples.target, predicted))
    return np.asarray((u * v - (u * v).mean() * (u**2 + v**2) / 2) / len(u))


OF_REGRESSION: dict[str, Callable[[SamplePredictions], AnyArray | None]] = {
    "r2": _r2,
    "mae": _absolute_error,
    "pearson_r": _correlation,
    "corr": _correlation,
}
INFLUENCES: dict[str, Callable[[SamplePredictions], AnyArray | None]] = {
    **OF_REGRESSION,
    "accuracy": _accuracy,
    "nll": _log_loss,
    "uar": _recall,
    "macro_f1": _macro_f1,
    "argmax_macro_f1": _argmax_macro_f1,
    "ece": _calibration_error,
}
