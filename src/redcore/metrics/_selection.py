"""Inverse probability weights of the samples that observe a missing pattern, and weighted scores."""

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.metrics._samples import SamplePredictions
from redcore.metrics._scores import N_BINS, Scores

__all__ = ["inverse_probability_weights", "weighted_scores"]

N_FOLDS = 5
SMALLEST_PROBABILITY = 0.02
"""Lower bound of the estimated probabilities. It limits the weight of one sample, at the price of some bias."""


def inverse_probability_weights(
    is_scored: BoolArray, covariates: AnyArray, groups: AnyArray | None = None, seed: int = 0
) -> AnyArray:
    """Return weights with which the scored samples represent all samples.

    The weight of a scored sample is the inverse of its probability of being scored, given the covariates. A logistic
    regression estimates this probability on the other folds of a cross-validation. Weighted means over the scored
    samples are then estimates of the means over all samples, if scoring depends on the covariates only (missing at
    random given the covariates) and no probability is 0 (Horvitz and Thompson 1952; for missing modalities: Choi et al.
    2025, ICYM2I, arXiv 2505.16953).

    Parameters
    ----------
    is_scored : bool array (n_samples,)
        True for the samples that are scored, such as those that observe a pattern of modalities.
    covariates : array (n_samples, n_covariates)
        Standardised covariates without missing values.
    groups : array (n_samples,), optional
        Groups of samples that the folds do not split.
    seed : int
        Seed of the folds.

    Returns
    -------
    array (n_scored,)
        Weights of the scored samples, with mean 1. All are 1 if every sample is scored, or if fewer than 10 samples
        are scored or are not scored.

    Examples
    --------
    >>> is_female = np.repeat([1.0, 0.0], 100)
    >>> is_scored = np.concatenate([np.arange(100) < 80, np.arange(100) < 20])
    >>> weights = inverse_probability_weights(is_scored, is_female[:, None])
    >>> bool(weights[0] < 1 < weights[-1])
    True
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

    n_rarer = min(is_scored.sum(), (~is_scored).sum())
    if n_rarer < 2 * N_FOLDS or not covariates.shape[1]:
        return np.ones(int(is_scored.sum()))
    of_groups = groups is not None and len(np.unique(groups)) >= N_FOLDS
    folds = (StratifiedGroupKFold if of_groups else StratifiedKFold)(N_FOLDS, shuffle=True, random_state=seed)
    model = LogisticRegression(max_iter=1000)
    estimated = cross_val_predict(
        model, covariates, is_scored, groups=groups if of_groups else None, cv=folds, method="predict_proba"
    )
    weights = 1 / np.maximum(estimated[is_scored, 1], SMALLEST_PROBABILITY)
    return np.asarray(weights / weights.mean())


def weighted_scores(samples: SamplePredictions, weights: AnyArray) -> Scores:
    """Return weighted scores of predictions.

    Parameters
    ----------
    samples : SamplePredictions
        Predictions of a classifier with one label per sample, or of one continuous value.
    weights : array (n_samples,)
        Positive weights.

    Returns
    -------
    dict
        ``effective_samples``: number of equally weighted samples with the same variance of a mean, ``(sum w)^2 / sum
        w^2`` (Kish 1965). For classification, ``accuracy``, ``uar``, ``macro_f1``, ``argmax_macro_f1``, ``nll`` and
        ``ece``, and for regression ``mae`` and ``r2``, as in `classification_scores` and `regression_scores`. Undefined
        scores are None.

    Examples
    --------
    >>> samples = SamplePredictions(np.array([0.0, 2.0]), predicted=np.array([1.0, 2.0]))
    >>> weighted_scores(samples, np.array([1.0, 3.0]))["mae"]
    0.25
    """
    size: Scores = {"effective_samples": float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0}
    if samples.predicted is not None:
        return size | _of_values(samples.target, samples.predicted, weights)
    return size | _of_classes(samples, weights)


def _of_values(target: AnyArray, predicted: AnyArray, weights: AnyArray) -> Scores:
    from sklearn.metrics import mean_absolute_error, r2_score

    varies = len(target) > 1 and np.ptp(target) > 0
    return {
        "mae": float(mean_absolute_error(target, predicted, sample_weight=weights)),
        "r2": float(r2_score(target, predicted, sample_weight=weights)) if varies else None,
    }


def _of_classes(samples: SamplePredictions, weights: AnyArray) -> Scores:
    from sklearn.metrics import accuracy_score, f1_score

    decided, argmax = samples.decided, samples.argmax
    assert decided is not None
    assert argmax is not None
    assert samples.log_loss is not None
    truth, has_classes = samples.target, len(np.unique(samples.target)) > 1

    def f1(predicted: AnyArray) -> float | None:
        if not has_classes:
            return None
        return float(f1_score(truth, predicted, average="macro", zero_division=0, sample_weight=weights))

    recalls = [np.average(decided[truth == code] == code, weights=weights[truth == code]) for code in np.unique(truth)]
    return {
        "accuracy": float(accuracy_score(truth, decided, sample_weight=weights)),
        "uar": float(np.mean(recalls)) if has_classes else None,
        "macro_f1": f1(decided),
        "argmax_macro_f1": f1(argmax),
        "nll": float(np.average(samples.log_loss, weights=weights)),
        "ece": _calibration_error(samples, weights),
    }


def _calibration_error(samples: SamplePredictions, weights: AnyArray) -> float | None:
    """Return the weighted form of `redcore.metrics.calibration_error`."""
    if samples.confidence is None:
        return None
    bins = np.clip(np.ceil(samples.confidence * N_BINS).astype(int) - 1, 0, N_BINS - 1)
    gaps = np.bincount(bins, weights * ((samples.argmax == samples.target) - samples.confidence), N_BINS)
    return float(np.abs(gaps).sum() / weights.sum())
