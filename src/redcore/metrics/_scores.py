"""Scores of one set of predictions. A score that is not defined is None, never NaN."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score
from sklearn.utils import assert_all_finite

from redcore._types import AnyArray, IntArray
from redcore.data import Target
from redcore.metrics._calibration import calibration_error

__all__ = ["Decide", "classification_scores", "multilabel_scores", "regression_scores", "scores"]

Scores = dict[str, float | None]

Decide = Callable[[AnyArray], IntArray]
"""Probabilities (n_samples, n_classes) to the classes that are named, (n_samples,)."""


def classification_scores(codes: AnyArray, probabilities: AnyArray, named: IntArray | None = None) -> Scores:
    """Score class probabilities.

    Parameters
    ----------
    codes : int array (n_samples,)
        True classes.
    probabilities : array (n_samples, n_classes)
    named : int array (n_samples,), optional
        The class that each prediction names, for methods whose decision may not be the most probable class.

    Returns
    -------
    dict
        ``accuracy`` (WA of the speech literature), ``uar`` (UA: recall averaged over the classes that
        occur), ``macro_f1`` and ``weighted_f1`` (averaged over the classes that occur or are predicted, each with the
        same weight or by how often it occurs), each in [0, 1]; ``nll``, the mean negative log-likelihood in nats;
        ``ece``, the expected calibration error, see `calibration_error`. With `named`, ``argmax_macro_f1`` is the
        macro-F1 of the most probable classes.

    Examples
    --------
    >>> scores = classification_scores(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]))
    >>> round(scores["uar"], 3)
    0.75
    """
    assert_all_finite(probabilities, input_name="probabilities")
    most_probable = probabilities.argmax(axis=1)
    predicted = most_probable if named is None else named
    counts = np.bincount(codes, minlength=probabilities.shape[1])
    hits = np.bincount(codes[predicted == codes], minlength=len(counts))
    recall = hits[counts > 0] / counts[counts > 0]
    of_truth = probabilities[np.arange(len(codes)), codes].astype(np.float64)
    return {
        "accuracy": float(accuracy_score(codes, predicted)),
        "uar": float(recall.mean()),
        "macro_f1": _macro_f1(codes, predicted),
        "weighted_f1": float(f1_score(codes, predicted, average="weighted", zero_division=0)),
        "nll": float(-np.log(of_truth.clip(min=np.finfo(np.float64).eps)).mean()),
        "ece": calibration_error(codes, probabilities),
        **({} if named is None else {"argmax_macro_f1": _macro_f1(codes, most_probable)}),
    }


def _macro_f1(codes: AnyArray, predicted: AnyArray) -> float:
    return float(f1_score(codes, predicted, average="macro", zero_division=0))


def multilabel_scores(indicators: AnyArray, probabilities: AnyArray) -> Scores:
    """Score label probabilities at a threshold of 0.5.

    Returns
    -------
    dict
        ``accuracy`` (share of single label decisions that are right), ``exact_match`` (share of samples with all
        labels right), ``macro_f1`` (averaged over labels).
    """
    assert_all_finite(probabilities, input_name="probabilities")
    predicted = probabilities >= 0.5
    truth = indicators.astype(bool)
    f1 = [f1_score(*label, zero_division=0) for label in zip(truth.T, predicted.T, strict=True)]
    return {
        "accuracy": float((predicted == truth).mean()),
        "exact_match": float((predicted == truth).all(axis=1).mean()),
        "macro_f1": float(np.mean(f1)),
    }


def regression_scores(target: AnyArray, predicted: AnyArray) -> Scores:
    """Score numbers; several outputs are averaged.

    Returns
    -------
    dict
        ``mae``; ``pearson_r`` (None where target or prediction is constant); ``r2`` (None for a constant target).
    """
    target, predicted = _columns(target), _columns(predicted)
    # the standard deviation of a constant is not always exactly zero
    varies = np.ptp(target, axis=0) > 0
    both_vary = varies & (np.ptp(predicted, axis=0) > 0)
    pearson = [float(np.corrcoef(target[:, k], predicted[:, k])[0, 1]) for k in np.flatnonzero(both_vary)]
    return {
        "mae": float(mean_absolute_error(target, predicted)),
        "pearson_r": float(np.mean(pearson)) if both_vary.all() else None,
        "r2": float(r2_score(target, predicted)) if varies.all() else None,
    }


def _columns(values: AnyArray) -> AnyArray:
    values = np.asarray(values, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values


def scores(target: Target, outputs: AnyArray, decide: Decide | None = None) -> Scores:
    """Score `outputs` (n_samples, n_outputs), as `Method.predict` returns them, with the scores of this target.

    `decide`, such as `Method.decide`, maps probabilities to the classes that are named; by default the most probable.
    """
    if target.is_classification:
        return classification_scores(target.values, outputs, None if decide is None else decide(outputs))
    if target.kind == "multilabel":
        return multilabel_scores(target.values, outputs)
    return regression_scores(target.values, outputs)
