"""Scores of one set of predictions. Undefined scores are None, never NaN.

The functions import scikit-learn themselves: its import takes a second, and training and prediction need no scores.
"""

from collections.abc import Callable

import numpy as np

from redcore._types import AnyArray, IntArray
from redcore.data import Target
from redcore.metrics._survival import survival_scores
from redcore.metrics._table import plug_in_scores

__all__ = ["Decide", "calibration_error", "classification_scores", "multilabel_scores", "regression_scores", "scores"]

Scores = dict[str, float | None]

Decide = Callable[[AnyArray], IntArray]
"""Function that maps probabilities (n_samples, n_classes) to predicted classes (n_samples,)."""

N_BINS = 15
"""Default number of bins of the calibration error."""


def classification_scores(codes: AnyArray, probabilities: AnyArray, decided: IntArray | None = None) -> Scores:
    """Score class probabilities.

    Parameters
    ----------
    codes : int array (n_samples,)
        True classes.
    probabilities : array (n_samples, n_classes)
        Predicted class probabilities.
    decided : int array (n_samples,), optional
        Predicted classes, for methods whose decision rule is not the argmax. Default: the most probable classes.

    Returns
    -------
    dict
        - ``accuracy`` in [0, 1] (WA in the speech literature);
        - ``uar`` in [0, 1] (UA): recall averaged over the classes that occur;
        - ``macro_f1`` in [0, 1]: F1 averaged over the classes that occur or are predicted;
        - ``weighted_f1`` in [0, 1]: the same, weighted by class frequency;
        - ``nll``: mean negative log-likelihood in nats;
        - ``ece`` in [0, 1]: expected calibration error, see `calibration_error`;
        - ``argmax_macro_f1`` in [0, 1], only with `decided`: macro-F1 of the most probable classes.

        The averages over classes (``uar``, ``macro_f1``, ``weighted_f1``, ``argmax_macro_f1``) are None if only one
        class occurs: a model that always predicts this class would get 1.

    Examples
    --------
    >>> scores = classification_scores(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]))
    >>> round(scores["uar"], 3)
    0.75
    """
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.utils import assert_all_finite

    assert_all_finite(probabilities, input_name="probabilities")
    most_probable = probabilities.argmax(axis=1)
    predicted = most_probable if decided is None else decided
    counts = np.bincount(codes, minlength=probabilities.shape[1])
    hits = np.bincount(codes[predicted == codes], minlength=len(counts))
    recall = hits[counts > 0] / counts[counts > 0]
    likelihood = probabilities[np.arange(len(codes)), codes].astype(np.float64)
    one_class = len(recall) < 2
    weighted_f1 = None if one_class else float(f1_score(codes, predicted, average="weighted", zero_division=0))
    return {
        "accuracy": float(accuracy_score(codes, predicted)),
        "uar": None if one_class else float(recall.mean()),
        "macro_f1": _macro_f1(codes, predicted),
        "weighted_f1": weighted_f1,
        "nll": float(-np.log(likelihood.clip(min=np.finfo(np.float64).eps)).mean()),
        "ece": calibration_error(codes, probabilities),
        **({} if decided is None else {"argmax_macro_f1": _macro_f1(codes, most_probable)}),
    }


def _macro_f1(codes: AnyArray, predicted: AnyArray) -> float | None:
    from sklearn.metrics import f1_score

    return None if len(np.unique(codes)) < 2 else float(f1_score(codes, predicted, average="macro", zero_division=0))


def multilabel_scores(indicators: AnyArray, probabilities: AnyArray) -> Scores:
    """Score label probabilities at a threshold of 0.5.

    Parameters
    ----------
    indicators : array (n_samples, n_labels)
        True labels, 0 or 1.
    probabilities : array (n_samples, n_labels)

    Returns
    -------
    dict
        ``accuracy`` (fraction of correct label decisions), ``exact_match`` (fraction of samples with all labels
        correct) and ``macro_f1`` (F1 averaged over labels), each in [0, 1].
    """
    from sklearn.metrics import f1_score
    from sklearn.utils import assert_all_finite

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
    """Score predictions of a continuous target. Scores of several outputs are averaged.

    Parameters
    ----------
    target, predicted : array (n_samples,) or (n_samples, n_outputs)

    Returns
    -------
    dict
        ``mae`` (mean absolute error), ``pearson_r`` (None if an output has a constant target or prediction) and
        ``r2`` (None if an output has a constant target).
    """
    from sklearn.metrics import mean_absolute_error, r2_score

    target, predicted = _columns(target), _columns(predicted)
    # the range, not the standard deviation: rounding can make that of a constant nonzero
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
    """Return the scores of `outputs` for this kind of target.

    Scores of several targets have the names ``target.score``, and are those of the labelled samples of the target. They
    are left out for a target without such samples.

    Parameters
    ----------
    target : Target
    outputs : array (n_samples, n_outputs)
        Predictions, as returned by `Method.predict`.
    decide : callable, optional
        Function that maps probabilities (n_samples, n_classes) to predicted classes (n_samples,), such as
        `Method.decide`. Default: the most probable class. Only used for classification.
    """
    if target.kind.is_mixed:
        return _scores_of_parts(target, outputs)
    decided = decide(outputs) if decide is not None and target.is_classification else None
    return _scores_of_kind(target, outputs, decided) | _added_scores(target, outputs, decided)


def _scores_of_parts(target: Target, outputs: AnyArray) -> Scores:
    values: Scores = {}
    start = 0
    for part in target.parts:
        own, start = outputs[:, start : start + part.n_outputs], start + part.n_outputs
        labelled = target.labelled(part.name)
        if labelled.any():
            single = scores(target.of_part(part.name), own[labelled])
            values |= {f"{part.name}.{name}": value for name, value in single.items()}
    return values


def _scores_of_kind(target: Target, outputs: AnyArray, decided: IntArray | None) -> Scores:
    if target.is_classification:
        return classification_scores(target.values, outputs, decided)
    if target.kind.is_multilabel:
        return multilabel_scores(target.values, outputs)
    if target.kind.is_survival:
        return survival_scores(target, outputs)
    return regression_scores(target.values, outputs)


def _added_scores(target: Target, outputs: AnyArray, decided: IntArray | None) -> Scores:
    """Return the scores that are plug-ins, for their kinds of target."""
    return {
        name: plug_in.compute(target, outputs, decided)
        for name, plug_in in plug_in_scores().items()
        if target.kind in plug_in.score.kinds
    }


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
